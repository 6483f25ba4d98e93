"""The network's settings, and which of them can't stand together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import field_validator, model_validator
from pydantic_core import PydanticCustomError

from core.config.base import Group, setting
from core.config.families import Family, misfits

Residual = Literal["on", "off", "attention", "feedforward"]
Placement = Literal["pre", "post", "sandwich", "none"]
Norm = Literal["layer", "rms", "batch", "group", "none"]
Scaling = Literal["one", "gpt2"]
Positions = Literal["sinusoidal", "learned", "rotary", "none"]
Activation = Literal["relu", "gelu", "gelu_tanh", "swiglu"]
Initialisation = Literal["torch", "gpt2", "xavier", "uniform"]
Switch = Literal["auto", "on", "off"]
Stem = Literal["auto", "large", "small"]

# The placements whose stream reaches the head unnormalised: with these `final_norm: auto` is on.
PRE_NORM_FAMILY = ("pre", "sandwich")


class ModelConfig(Group):
    """The network. Letters: L depth, d width, H heads, T context, V size of the alphabet."""

    family: Family = setting(
        "transformer",
        "Family",
        "The kind of network. transformer: a decoder-only language model. mlp: stacked feed-forward"
        " layers H + F(H), for characters or images. resnet: convolutions, for images.",
    )
    residual: Residual = setting(
        "on",
        "Residual connections",
        "Add: carry x past the sublayer, y = x + F(x). On for both sublayers, only around"
        " attention, only around the feed-forward network, or off.",
    )
    placement: Placement = setting(
        "pre",
        "Norm placement",
        "Where the norm sits. pre: x + F(LN(x)) (GPT-2). post: LN(x + F(x)) (Vaswani 2017)."
        " sandwich: x + LN(F(LN(x))) (Peri-LN). none: no norm in the blocks.",
    )
    norm: Norm = setting(
        "layer",
        "Norm",
        "layer: LayerNorm, (x - mean) / std. rms: RMSNorm, x / rms(x). none: no normalisation."
        " For a ResNet too: batch, BatchNorm over the images of a batch; group, GroupNorm.",
    )
    depth: int = setting(6, "Depth", "Number of blocks, L.", "layers", ge=1, le=256)
    blocks_per_stage: int = setting(
        2,
        "Blocks per stage",
        "Residual blocks in each of a ResNet's four stages; 2 makes ResNet-18.",
        "blocks",
        ge=1,
        le=64,
    )
    stem: Stem = setting(
        "auto",
        "Stem",
        "How a ResNet takes in an image. large: 7×7, stride 2, then max-pooling. small: 3×3 at full"
        " resolution. auto is small for images up to 32 pixels.",
    )
    width: int = setting(
        64,
        "Width",
        "Size of the residual stream, d; in a ResNet the channels of the first stage, doubled at"
        " each of the other three.",
        "features",
        ge=1,
        le=16384,
    )
    heads: int = setting(
        4, "Heads", "Attention heads per layer; must divide the width.", "heads", ge=1, le=256
    )
    context: int = setting(
        64, "Context", "Tokens that the model sees at once, T.", "tokens", ge=1, le=8192
    )
    feedforward_width: int | Literal["auto"] = setting(
        "auto",
        "Feed-forward width",
        "Hidden units of the feed-forward network; auto is 4 times the width.",
        "units",
    )
    activation: Activation = setting(
        "relu",
        "Activation",
        "Nonlinearity of the feed-forward network; swiglu adds a gate (Shazeer 2020).",
    )
    positions: Positions = setting(
        "learned",
        "Positions",
        "How the model knows the order of tokens: sinusoidal (Vaswani 2017), learned (GPT-2),"
        " rotary (RoPE, half-split) or none.",
    )
    scaling: Scaling = setting(
        "one",
        "Branch scaling",
        "one: F(x) as it is. gpt2: the matrices that write into the stream start smaller by"
        " 1 / sqrt(2 L).",
    )
    init: Initialisation = setting(
        "xavier",
        "Initialisation",
        "xavier: Xavier-normal. gpt2: N(0, 0.02). torch: torch.nn.Linear's default."
        " uniform: U(-0.1, 0.1) for embedding and head, torch's default elsewhere. It decides"
        " whether post-LN can train: with gpt2 it does, with xavier a deep one dies.",
    )
    dropout: float = setting(
        0.0, "Dropout", "Share of activations that are zeroed while training.", "share", ge=0, lt=1
    )
    bias: bool = setting(True, "Biases", "Biases in the linear layers and the norms.")
    head_bias: bool = setting(False, "Head bias", "A bias on the output layer.")
    tie_embeddings: bool = setting(
        False, "Tied embeddings", "The output layer shares the token embedding's matrix."
    )
    embedding_scale: bool = setting(
        False, "Embedding × √d", "Multiply token embeddings by the square root of the width."
    )
    final_norm: Switch = setting(
        "auto",
        "Final norm",
        "A norm before the output layer; auto is on for pre and sandwich, off otherwise.",
    )
    norm_epsilon: float = setting(
        1e-5, "Norm ε", "Added to the variance before its square root.", gt=0, le=1
    )
    rotary_base: float = setting(
        10000.0, "Rotary base", "Base of the rotary frequencies.", gt=1, le=1e9
    )

    @field_validator("residual", "final_norm", mode="before")
    @classmethod
    def _switch_words(cls, value: Any) -> Any:
        # JSON and TOML writers naturally give booleans for on and off.
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value

    @field_validator("feedforward_width")
    @classmethod
    def _positive_width(cls, value: Any) -> Any:
        if value != "auto" and not 1 <= value <= 65536:
            raise ValueError(f"{value} is out of range; accepted: auto or 1 to 65536")
        return value

    @model_validator(mode="after")
    def _possible(self) -> ModelConfig:
        for field, sentence in conflicts(self):
            raise PydanticCustomError(
                "impossible", "{field}: {sentence}", {"field": field, "sentence": sentence}
            )
        return self

    @property
    def hidden(self) -> int:
        """Hidden units of the feed-forward network."""
        return 4 * self.width if self.feedforward_width == "auto" else self.feedforward_width

    @property
    def blocks(self) -> int:
        """Blocks in all."""
        return 4 * self.blocks_per_stage if self.family == "resnet" else self.depth

    @property
    def has_final_norm(self) -> bool:
        """Whether a norm stands before the head, `final_norm: auto` resolved."""
        if self.norm == "none" or self.family == "resnet":
            return False
        if self.final_norm == "auto":
            return self.placement in PRE_NORM_FAMILY
        return self.final_norm == "on"


def conflicts(model: ModelConfig) -> Iterator[tuple[str, str]]:
    """Combinations that no network can have: the field to change, and what would be accepted."""
    yield from misfits("model", model, {"model.family": model.family, "data.corpus": ""})
    if model.family == "transformer":
        yield from _attention_conflicts(model)
    if model.family != "resnet":
        yield from _norm_conflicts(model)


def _attention_conflicts(model: ModelConfig) -> Iterator[tuple[str, str]]:
    if model.width % model.heads:
        fitting = [str(h) for h in range(1, min(model.width, 256) + 1) if model.width % h == 0]
        yield (
            "heads",
            f"{model.heads} does not divide model.width {model.width};"
            f" accepted: {', '.join(fitting)}",
        )
    elif model.positions == "rotary" and (model.width // model.heads) % 2:
        yield (
            "positions",
            f"rotary needs an even head size, but model.width / model.heads is"
            f" {model.width // model.heads}; accepted here: sinusoidal, learned, none",
        )


def _norm_conflicts(model: ModelConfig) -> Iterator[tuple[str, str]]:
    if (model.placement == "none") != (model.norm == "none"):
        if model.norm == "none":
            yield "placement", f"{model.placement} needs a norm; accepted with norm none: none"
        else:
            yield "norm", f"{model.norm} needs a placement; accepted with placement none: none"
    if model.norm == "none" and model.final_norm == "on":
        yield "final_norm", "on needs a norm; accepted with norm none: auto, off"
