"""The network's settings, and which of them can't stand together."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator, model_validator

from core.config.base import Group, refusal, setting
from core.config.families import Family
from core.config.literals import (
    Activation,
    AutoOnOff,
    Initialisation,
    Positions,
    QKNorm,
    Residual,
    Stem,
    Sublayers,
    on_or_off,
)
from core.config.norms import NORMS, Norm
from core.config.overrides import Override, parse
from core.config.rules import conflicts
from core.config.wiring import (
    PLACEMENTS,
    SCALINGS,
    SUBLAYERS,
    Placement,
    Scaling,
    SublayerName,
    placed,
)
from core.language import Message


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
        "Where the norm N sits. "
        + " ".join(f"{name}: {row.formula} ({row.source})." for name, row in PLACEMENTS.items()),
    )
    norm: Norm = setting(
        "layer",
        "Norm",
        " ".join(f"{name}: {words.summary}." for name, words in NORMS.items())
        + " For a ResNet too: batch, BatchNorm over the images of a batch; group, GroupNorm.",
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
        " rotary (RoPE, half-split), alibi (a penalty by distance, Press et al. 2022) or none.",
    )
    scaling: Scaling = setting(
        "one",
        "Branch scaling",
        " ".join(f"{name}: {words}." for name, words in SCALINGS.items()),
    )
    qk_norm: QKNorm = setting(
        "off",
        "QK-norm",
        "Queries and keys normed before the logits. head: each head by itself (Henry et al. 2020)."
        " width: the whole projection before the heads are split (OLMo 2).",
    )
    value_residual: bool = setting(
        False,
        "Value residual",
        "Every layer's values are half its own and half the first layer's (Zhou et al. 2024).",
    )
    causal: bool = setting(
        True, "Causal mask", "A token sees only itself and what comes before it."
    )
    sublayers: Sublayers = setting(
        "both", "Sublayers", "What a block holds: attention and feed-forward, or one of them."
    )
    init: Initialisation = setting(
        "xavier",
        "Initialisation",
        "xavier: Xavier-normal. gpt2: N(0, 0.02). torch: torch.nn.Linear's default."
        " uniform: as PyTorch's tutorial, U(-0.1, 0.1) for embedding and head and what"
        " torch.nn.TransformerEncoder draws between them. It decides whether post-LN can train:"
        " with gpt2 it does, with xavier a deep one dies.",
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
    embedding_norm: bool = setting(
        False, "Embedding norm", "A norm after the embeddings (BERT, BLOOM, Peri-LN)."
    )
    final_norm: AutoOnOff = setting(
        "auto",
        "Final norm",
        "A norm before the output layer; auto is off for post and none, on otherwise.",
    )
    norm_epsilon: float = setting(
        1e-5, "Norm ε", "Added to the variance before its square root.", gt=0, le=1
    )
    rotary_base: float = setting(
        10000.0, "Rotary base", "Base of the rotary frequencies.", gt=1, le=1e9
    )

    overrides: tuple[Override, ...] = setting(
        (),
        "Layer overrides",
        "Layers that differ, counted from 0: `0-3: placement=post; 5: residual=off`, or the same as"
        " a JSON list; any of residual, placement, norm and scaling, and the last one wins.",
    )

    @field_validator("overrides", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return parse(value)

    _switch_words = field_validator("residual", "final_norm", mode="before")(on_or_off)

    @field_validator("feedforward_width")
    @classmethod
    def _positive_width(cls, value: Any) -> Any:
        if value != "auto" and not 1 <= value <= 65536:
            raise ValueError(
                Message("{value} is out of range; accepted: auto or 1 to 65536", value=value)
            )
        return value

    @model_validator(mode="after")
    def _possible(self) -> ModelConfig:
        for field, sentence in conflicts(self):
            raise refusal(Message("{field}: {sentence}", field=field, sentence=sentence))
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
    def parts(self) -> tuple[SublayerName, ...]:
        """The sublayers of each block, in order; empty for a ResNet, whose blocks are of one."""
        if self.family == "transformer":
            return SUBLAYERS[self.sublayers]
        return ("feedforward",) if self.family == "mlp" else ()

    @property
    def has_final_norm(self) -> bool:
        """Whether a norm stands before the head, `final_norm: auto` resolved."""
        if self.norm == "none" or self.family == "resnet":
            return False
        if self.final_norm == "auto":
            return PLACEMENTS[self.placement].final
        return self.final_norm == "on"

    def switched(self, override: Override) -> ModelConfig:
        """The network with one more override. Raises ValidationError where it can't be built."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate({**values, "overrides": (*self.overrides, override)})

    def at(self, layer: int) -> ModelConfig:
        """The settings as one layer has them, counted from 0: overrides and `mix` resolved."""
        changes: dict[str, str] = {}
        placement = self.placement
        for override in self.overrides:
            if override.first <= layer <= override.last:
                changes |= override.changes
                placement = override.placement or placement
        placement = placed(placement, layer, self.depth)
        if not changes and placement == self.placement:
            return self
        return self.model_copy(update={**changes, "placement": placement})
