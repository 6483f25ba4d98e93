"""A checkpoint that other runs start from, and which of their settings may differ. Pure.

A fork goes on with the tensors that were trained, so a setting that decides their shapes stays.
Whatever else differs works as rewiring does: parts that both networks have keep their weights, new
ones start as at step 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.config.model import ModelConfig
from core.config.refusals import explain
from core.config.run import RunConfig
from core.language import Message

SCHEMA = 1
# These decide the shape of a tensor that every network of a family has.
FIXED = ("family", "depth", "blocks_per_stage", "stem", "width", "heads", "tie_embeddings")


class ForkPoint(BaseModel):
    """A checkpoint of a run, with all that is to be known of the run without its directory.

    `config` are the run's settings and `wiring` its network at that step; `parent` is where the run
    itself was forked from. `fresh`: the checkpoint has weights alone, as a pretrained model's, so
    its optimizer begins anew. `subwords`: how many of a vocabulary that its directory keeps it
    reads texts in; 0 of other tokens. `compiled`: whether the run's own step there was compiled.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True)

    schema_: Literal[1] = Field(1, alias="schema")
    run: str
    name: str
    step: int = Field(ge=0)
    seconds: float = 0.0
    config: RunConfig
    wiring: ModelConfig
    parent: ForkPoint | None = None
    fresh: bool = False
    subwords: int = 0
    compiled: bool = False

    @property
    def key(self) -> str:
        """As the command line and addresses name it: `RUN@STEP`."""
        return f"{self.run}@{self.step}"

    @property
    def words(self) -> str:
        """`step 200 of post-LN L12`."""
        return Message("step {step:,} of {run}", step=self.step, run=self.name)

    @property
    def told(self) -> str:
        """As a run's name says it: `from step 200 of post-LN L12`."""
        return Message("from {point}", point=self.words)

    @property
    def first(self) -> ForkPoint:
        """Where the run that all of its forks go back to was left."""
        return self if self.parent is None else self.parent.first

    def settings(self, changes: Mapping[str, Any]) -> RunConfig:
        """The settings of a fork, by dotted name those that differ.

        Raises ValueError with a sentence that names the setting and what is accepted.
        """
        family = self.config.model.family
        if changes.get("model.family", family) != family:  # before it brings settings of its own
            raise ValueError(self._kept("model.family", changes["model.family"], family))
        try:
            config = RunConfig.from_flat({**self.config.flat(), **changes})
        except ValidationError as error:
            raise ValueError(explain(error)) from error
        if sentence := self.refusal(config):
            raise ValueError(sentence)
        return config

    def refusal(self, config: RunConfig) -> str:
        """Why a run with these settings can't start here, or nothing."""
        if config.training.steps <= self.step:
            return Message(
                "training.steps: {steps:,} leaves nothing to train after {point}; accepted:"
                " {least:,} or more, steps count from 0",
                steps=config.training.steps,
                point=self.words,
                least=self.step + 1,
            )
        for dotted, given, kept in reshaped(self.config, config):
            return self._kept(dotted, given, kept)
        return ""

    def _kept(self, dotted: str, given: Any, kept: Any) -> str:
        return Message(
            "{setting}: {given} would give trained tensors another shape; accepted in a fork of"
            " {run}: {kept}, as it was trained with",
            setting=dotted,
            given=given,
            run=self.name,
            kept=kept,
        )


def begin_together(one: ForkPoint | None, other: ForkPoint | None) -> bool:
    """Whether two runs begin at one checkpoint, or both at step 0 (None)."""
    return (one and one.key) == (other and other.key)


def reshaped(before: RunConfig, after: RunConfig) -> Iterator[tuple[str, Any, Any]]:
    """The settings that would change the shape of a tensor that both networks have.

    Each with its new value and with what would be accepted. Whether another text has the same
    alphabet only the texts can tell.
    """
    old, new = before.model, after.model
    for field in FIXED:
        if getattr(old, field) != getattr(new, field):
            yield f"model.{field}", getattr(new, field), getattr(old, field)
    if old.family != "resnet" and old.hidden != new.hidden:
        yield "model.feedforward_width", new.feedforward_width, old.feedforward_width
    if old.context != new.context and (
        new.family == "mlp" or old.positions == new.positions == "learned"
    ):
        yield "model.context", new.context, old.context
    if "off" not in (old.qk_norm, new.qk_norm) and old.qk_norm != new.qk_norm:
        yield (
            "model.qk_norm",
            new.qk_norm,
            Message("{first} or {last}", first=old.qk_norm, last="off"),
        )
    if before.data != after.data and (before.image is not None or after.image is not None):
        yield "data.corpus", after.data.corpus, before.data.corpus
