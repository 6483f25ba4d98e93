"""All settings of a run, by group and by dotted name, and refusals in the user's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

from pydantic import ConfigDict, Field, ValidationError, model_validator

from core.config.base import Group, only_known, refusal, setting
from core.config.families import IMAGES, OWN_CORPUS, Shape, misfits
from core.config.groups import DataConfig, OptimizerConfig, ProbesConfig, TrainingConfig
from core.config.model import ModelConfig
from core.config.refusals import explain
from core.language import Message

SCHEMA = 1


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
            raise refusal(
                Message(
                    "{field}: this program reads version {known}, the file has {found};"
                    " open it with the release that wrote it",
                    field="schema",
                    known=SCHEMA,
                    found=str(found),
                ),
                "schema",
            )
        return _with_own_corpus(only_known(cls, values))

    @model_validator(mode="after")
    def _possible_together(self) -> RunConfig:
        for group in ("model", "data", "training", "probes"):
            for field, sentence in misfits(group, getattr(self, group), self):
                raise refusal(
                    Message("{field}: {sentence}", field=f"{group}.{field}", sentence=sentence)
                )
        alone = _of_one_device(self.training, self.probes)
        for field, sentence in (*_of_the_batch(self.model, self.training), *alone):
            raise refusal(Message("{field}: {sentence}", field=field, sentence=sentence))
        self._check_switches()
        optimizer, steps = self.optimizer, self.training.steps
        if optimizer.schedule == "cosine" and optimizer.warmup_steps >= steps:
            raise refusal(
                Message(
                    "{field}: {warmup} leaves no step for the cosine; accepted: 0 to {most}",
                    field="optimizer.warmup_steps",
                    warmup=optimizer.warmup_steps,
                    most=steps - 1,
                )
            )
        if self.probes.tokens != "auto" and self.probes.tokens > self.model.context:
            raise refusal(
                Message(
                    "{field}: {tokens} is longer than model.context; accepted: auto or 1 to {most}",
                    field="probes.tokens",
                    tokens=self.probes.tokens,
                    most=self.model.context,
                )
            )
        return self

    def _check_switches(self) -> None:
        model = self.model
        if self.training.switches and model.family != "transformer":
            raise refusal(
                Message(
                    "{field}: only a transformer has layers that switch; accepted: none",
                    field="training.switches",
                )
            )
        for switch in sorted(self.training.switches, key=lambda s: s.step):
            try:
                model = model.switched(switch.override)
            except ValidationError as error:
                raise refusal(
                    Message(
                        "{field}: at step {step} {sentence}",
                        field="training.switches",
                        step=switch.step,
                        sentence=explain(error),
                    )
                ) from error

    @property
    def image(self) -> Shape | None:
        """The shape of one image of the corpus; None where it is a text."""
        return IMAGES.get(self.data.corpus)

    @property
    def tokens_per_step(self) -> int:
        """Predictions in one step: of every token in a Transformer, else of a window or image."""
        return tokens_per_step(self.model.family, self.model.context, self.training.batch_size)

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


def _of_the_batch(model: ModelConfig, training: TrainingConfig) -> Iterator[tuple[str, str]]:
    """What can't be done with a batch: the field to change, and what would be accepted."""
    size, parts, devices = training.batch_size, training.accumulate, training.devices
    if model.norm == "batch" and size < 2:
        yield (
            "training.batch_size",
            Message("1 gives BatchNorm nothing to compare; accepted: 2 or more"),
        )
    if model.norm == "batch" and parts > 1:
        yield (
            "training.accumulate",
            Message(
                "{parts} parts would each have a BatchNorm of their own, and not the batch's;"
                " accepted with model.norm batch: 1",
                parts=parts,
            ),
        )
    if model.norm == "batch" and devices > 1:
        yield (
            "training.devices",
            Message(
                "{n} processes would each have a BatchNorm of their own, and not the batch's;"
                " accepted with model.norm batch: 1",
                n=devices,
            ),
        )
    elif size % devices:
        yield (
            "training.devices",
            Message(
                "{n} does not divide training.batch_size {size}; accepted: {accepted}",
                n=devices,
                size=size,
                accepted=", ".join(map(str, divisors(size))),
            ),
        )
    elif size // devices % parts:
        yield (
            "training.accumulate",
            Message(
                "{parts} does not divide training.batch_size {size}; accepted: {accepted}",
                parts=parts,
                size=size,
                accepted=", ".join(map(str, divisors(size))),
            )
            if devices == 1
            else Message(
                "{parts} does not divide the {size} sequences of each of {n} devices; accepted:"
                " {accepted}",
                parts=parts,
                size=size // devices,
                n=devices,
                accepted=", ".join(map(str, divisors(size // devices))),
            ),
        )


def _of_one_device(training: TrainingConfig, probes: ProbesConfig) -> Iterator[tuple[str, str]]:
    """What only a device that has the whole network can measure."""
    if training.devices == 1 or training.sharding != "fsdp":
        return
    for field in ("noise_every", "hessian_every"):
        if getattr(probes, field):
            yield (
                f"probes.{field}",
                Message(
                    "it takes gradients of a network that one device has as a whole; accepted with"
                    " training.sharding fsdp: 0"
                ),
            )


def divisors(number: int) -> list[int]:
    """The whole numbers that divide it, in order."""
    return [part for part in range(1, number + 1) if number % part == 0]


def _with_own_corpus(values: Any) -> Any:
    """A family that can't read the default corpus takes its own, where none is named."""
    if not isinstance(values, dict):
        return values
    model, data = values.get("model"), values.get("data")
    family = model.get("family") if isinstance(model, dict) else getattr(model, "family", None)
    own = OWN_CORPUS.get(str(family))
    if own is None or (data is not None and not (isinstance(data, dict) and "corpus" not in data)):
        return values
    return {**values, "data": {**(data or {}), "corpus": own}}


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


def tokens_per_step(family: str, context: int, batch_size: int) -> int:
    """`RunConfig.tokens_per_step` from the three settings that decide it."""
    return batch_size * (context if family == "transformer" else 1)


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
