"""Every setting of a run, once: the command line, the widgets and their help derive from it.

Plain data: importing this module does not import torch. A setting is named by its dotted path
(``model.depth``); a widget's key is that path with underscores (``model_depth``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

SCHEMA = 1

Residual = Literal["on", "off", "attention", "feedforward"]
Placement = Literal["pre", "post", "sandwich", "none"]
Norm = Literal["layer", "rms", "none"]
Scaling = Literal["one", "gpt2"]
Positions = Literal["sinusoidal", "learned", "rotary", "none"]
Activation = Literal["relu", "gelu", "gelu_tanh", "swiglu"]
Initialisation = Literal["torch", "gpt2", "xavier", "uniform"]
Switch = Literal["auto", "on", "off"]
Corpus = Literal["python-reference", "tiny-shakespeare", "file"]
Schedule = Literal["constant", "cosine"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]

# The placements whose stream reaches the head unnormalised: with these `final_norm: auto` is on.
PRE_NORM_FAMILY = ("pre", "sandwich")


def setting(default: Any, title: str, description: str, unit: str = "", **limits: Any) -> Any:
    """A field with the words that the widgets and the command line show for it."""
    return Field(
        default, title=title, description=description, json_schema_extra={"unit": unit}, **limits
    )


class Group(BaseModel):
    """A named group of settings that refuses what it does not know, in the user's words."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, values: Any) -> Any:
        return _only_known(cls, values)


def _only_known(group: type[BaseModel], values: Any) -> Any:
    if isinstance(values, dict):
        known = [f.alias or name for name, f in group.model_fields.items()]
        for key in values:
            if key not in known:
                raise PydanticCustomError(
                    "unknown_setting",
                    "{key} is not a setting{hint}; accepted: {accepted}",
                    {
                        "key": str(key),
                        "hint": _hint(str(key), known),
                        "accepted": ", ".join(known),
                    },
                )
    return values


class ModelConfig(Group):
    """The network. Letters: L depth, d width, H heads, T context, V size of the alphabet."""

    family: Literal["transformer"] = setting(
        "transformer", "Family", "The kind of network; a decoder-only Transformer."
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
        "layer: LayerNorm, (x - mean) / std. rms: RMSNorm, x / rms(x). none: no normalisation.",
    )
    depth: int = setting(6, "Depth", "Number of blocks, L.", "layers", ge=1, le=256)
    width: int = setting(64, "Width", "Size of the residual stream, d.", "features", ge=1, le=16384)
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
    def has_final_norm(self) -> bool:
        """Whether a norm stands before the head, `final_norm: auto` resolved."""
        if self.norm == "none":
            return False
        if self.final_norm == "auto":
            return self.placement in PRE_NORM_FAMILY
        return self.final_norm == "on"


def conflicts(model: ModelConfig) -> Iterator[tuple[str, str]]:
    """Combinations that no network can have: the field to change, and what would be accepted."""
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
    if (model.placement == "none") != (model.norm == "none"):
        if model.norm == "none":
            yield "placement", f"{model.placement} needs a norm; accepted with norm none: none"
        else:
            yield "norm", f"{model.norm} needs a placement; accepted with placement none: none"
    if model.norm == "none" and model.final_norm == "on":
        yield "final_norm", "on needs a norm; accepted with norm none: auto, off"


class DataConfig(Group):
    """The text that the model learns."""

    corpus: Corpus = setting(
        "python-reference",
        "Corpus",
        "python-reference: Python's language reference, part of every Python. tiny-shakespeare:"
        " downloaded once (1.1 MB). file: a UTF-8 text file of your own.",
    )
    path: str | None = setting(
        None, "Text file", "Path of your own text file, with corpus `file`.", "path"
    )

    @model_validator(mode="before")
    @classmethod
    def _path_means_file(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("path") and "corpus" not in values:
            return {**values, "corpus": "file"}
        return values

    @model_validator(mode="after")
    def _path_with_file(self) -> DataConfig:
        if (self.corpus == "file") != bool(self.path):
            raise PydanticCustomError(
                "impossible",
                "path: corpus `file` needs a path and only `file` takes one; accepted: a path"
                " together with corpus file, or none with {others}",
                {"others": ", ".join(c for c in get_args(Corpus) if c != "file")},
            )
        return self


class OptimizerConfig(Group):
    """AdamW (Loshchilov & Hutter 2019) with a linear warm-up."""

    learning_rate: float = setting(
        1e-3, "Learning rate", "Peak learning rate of AdamW.", "", gt=0, le=10
    )
    warmup_steps: int = setting(
        0, "Warm-up", "Steps over which the learning rate rises from 0.", "steps", ge=0, le=10**7
    )
    schedule: Schedule = setting(
        "constant",
        "Schedule",
        "After the warm-up: constant, or a cosine that falls to a tenth of the peak.",
    )
    beta1: float = setting(0.9, "β₁", "Decay of the gradient's running mean.", "", ge=0, lt=1)
    beta2: float = setting(0.95, "β₂", "Decay of the squared gradient's running mean.", ge=0, lt=1)
    weight_decay: float = setting(
        0.0, "Weight decay", "Decoupled weight decay on matrices.", "", ge=0, le=10
    )
    clip: float = setting(
        0.0, "Clipping", "Largest norm of the whole gradient; 0 does not clip.", "", ge=0, le=1e6
    )


class TrainingConfig(Group):
    """How long, with what data order, and on which device."""

    seed: int = setting(
        0,
        "Seed",
        "Decides the initial weights and the order of the batches.",
        "",
        ge=0,
        le=2**32 - 1,
    )
    steps: int = setting(600, "Steps", "Optimizer updates in all.", "steps", ge=1, le=10**8)
    batch_size: int = setting(16, "Batch size", "Sequences per step.", "sequences", ge=1, le=16384)
    evaluate_every: int = setting(
        100,
        "Evaluate every",
        "Steps between validation losses and text samples; 0 is only first and last.",
        "steps",
        ge=0,
        le=10**8,
    )
    checkpoint_every: int = setting(
        200,
        "Checkpoint every",
        "Steps between checkpoints; 0 keeps only the last.",
        "steps",
        ge=0,
        le=10**8,
    )
    device: Device = setting(
        "auto", "Device", "auto takes a CUDA GPU where there is one, else the processor."
    )
    precision: Precision = setting(
        "auto",
        "Precision",
        "Of the matrix products: auto is bfloat16 on a CUDA GPU and float32 on a processor.",
    )
    threads: int | Literal["auto"] = setting(
        "auto",
        "Threads",
        "Processor threads; auto shares the cores among all active runs.",
        "threads",
    )

    @field_validator("threads")
    @classmethod
    def _positive_threads(cls, value: Any) -> Any:
        if value != "auto" and not 1 <= value <= 1024:
            raise ValueError(f"{value} is out of range; accepted: auto or 1 to 1024")
        return value


class ProbesConfig(Group):
    """What is measured while training. It never changes the losses."""

    every: int = setting(
        10,
        "Probe every",
        "Steps between activation statistics; gradient norms are taken at every step. 0 turns all"
        " probes off.",
        "steps",
        ge=0,
        le=10**8,
    )
    text: str = setting(
        "",
        "Probe text",
        "The text whose activations and attention are shown; empty takes the start of the"
        " validation text.",
        max_length=20000,
    )
    tokens: int | Literal["auto"] = setting(
        "auto",
        "Probe length",
        "Tokens of the probe text; auto is the context, at most 256.",
        "tokens",
    )
    attention: bool = setting(
        True, "Keep attention", "Keep attention maps of the probe text at log-spaced steps."
    )

    @field_validator("tokens")
    @classmethod
    def _positive_tokens(cls, value: Any) -> Any:
        if value != "auto" and not 1 <= value <= 8192:
            raise ValueError(f"{value} is out of range; accepted: auto or 1 to 8192")
        return value


class RunConfig(Group):
    """All settings of one run. ``RunConfig()`` is the preset `first-minute`."""

    schema_: Literal[1] = Field(1, alias="schema", description="Version of this format.")
    name: str = setting("", "Name", "What the run is called.", max_length=120)
    model: ModelConfig = Field(default_factory=ModelConfig)
    data: DataConfig = Field(default_factory=DataConfig)
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    probes: ProbesConfig = Field(default_factory=ProbesConfig)

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
        validate_by_name=True,
        validate_by_alias=True,
        protected_namespaces=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, values: Any) -> Any:
        found = values.get("schema", SCHEMA) if isinstance(values, dict) else SCHEMA
        if found != SCHEMA:
            raise PydanticCustomError(
                "schema",
                "schema: this program reads version {known}, the file has {found};"
                " open it with the release that wrote it",
                {"known": SCHEMA, "found": str(found)},
            )
        return _only_known(cls, values)

    @model_validator(mode="after")
    def _possible_together(self) -> RunConfig:
        optimizer, steps = self.optimizer, self.training.steps
        if optimizer.schedule == "cosine" and optimizer.warmup_steps >= steps:
            raise PydanticCustomError(
                "impossible",
                "optimizer.warmup_steps: {warmup} leaves no step for the cosine; accepted:"
                " 0 to {most}",
                {"warmup": optimizer.warmup_steps, "most": steps - 1},
            )
        if self.probes.tokens != "auto" and self.probes.tokens > self.model.context:
            raise PydanticCustomError(
                "impossible",
                "probes.tokens: {tokens} is longer than model.context; accepted: auto or"
                " 1 to {most}",
                {"tokens": self.probes.tokens, "most": self.model.context},
            )
        return self

    @property
    def probe_length(self) -> int:
        """Tokens of the probe text, `probes.tokens: auto` resolved."""
        tokens = self.probes.tokens
        return min(self.model.context, 256) if tokens == "auto" else tokens

    def flat(self) -> dict[str, Any]:
        """Every setting by its dotted name, in order: ``{"model.depth": 6, ...}``."""
        return {
            f"{group}.{field}": value
            for group, values in self.model_dump(exclude={"schema_", "name"}).items()
            for field, value in values.items()
        }

    @classmethod
    def from_flat(cls, values: dict[str, Any], name: str = "") -> RunConfig:
        """The inverse of :meth:`flat`; settings that are not named take their defaults."""
        return cls.model_validate(nested({**values, **({"name": name} if name else {})}))


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """``{"model.depth": 6}`` as ``{"model": {"depth": 6}}``."""
    result: dict[str, Any] = {}
    for dotted, value in flat.items():
        *groups, leaf = dotted.split(".")
        level = result
        for group in groups:
            level = level.setdefault(group, {})
        level[leaf] = value
    return result


def settings() -> dict[str, Any]:
    """Every setting's pydantic field by its dotted name, in display order."""
    groups = {g: f.annotation for g, f in RunConfig.model_fields.items()}
    return {
        f"{group}.{name}": field
        for group, kind in groups.items()
        if isinstance(kind, type) and issubclass(kind, Group)
        for name, field in kind.model_fields.items()
    }


def choices(dotted: str) -> tuple[str, ...]:
    """The accepted words of a setting that is a choice, else ()."""
    words = get_args(settings()[dotted].annotation)
    return words if words and all(isinstance(word, str) for word in words) else ()


def explain(error: ValidationError) -> str:
    """The first thing wrong, in one line: the setting's dotted name and what is accepted."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("int", "str"))
    # A union reports each of its arms; "auto or a number" reads better than either.
    place = place.split(".literal[")[0].removesuffix(".")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] in ("impossible", "unknown_setting", "schema"):
        field = message.split(":")[0] if first["type"] != "unknown_setting" else ""
        return message if "." in field or not place else f"{place}.{message}"
    message = message[:1].lower() + message[1:]
    if len({str(e["loc"][:2]) for e in error.errors()}) == 1 and len(error.errors()) > 1:
        message = "input should be auto or a whole number"
    given = first.get("input") if place else {}
    return (f"{place}: {message}" if place else message) + (
        f" (got {given!r})" if not isinstance(given, dict) else ""
    )


def _hint(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
