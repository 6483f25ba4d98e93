"""One run as lists and filters know it: its settings, what people say of it, what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, cast

from core import estimate
from core.catalogue.filter_fields import OWN, meant
from core.catalogue.naming import Subject
from core.catalogue.summary import RunSummary, summary_of
from core.config import IMAGES, ModelConfig, Shape, alike, overrides
from core.config.alike import FORK, SCHEDULE, SEED, experiment_key, setting_key
from core.config.families import OF_TOKENIZER
from core.config.fork_point import ForkPoint
from core.config.run import tokens_per_step
from core.config.units import predicted_of
from core.metrics.derived import bytes_per_token
from core.runs import Run, origins
from core.runs.status import State
from core.verdicts.labels import LIVE

START = "step 0"  # where a run begins that is not a fork
NETWORK = "model."  # how the settings begin that a pretrained model has
WEIGHTS = "weights"  # beside these: which they are


@dataclass(frozen=True, eq=False)
class Entry:
    """One run: `flat` are its settings by dotted name, `meta` what people say of it.

    `switches` are those that changed its layers while it trained, by hand or by schedule, as plain
    settings; `state` is that of the moment when it was listed; `fork` is where it started, None of
    one that started at step 0. `origin` is `Run.origin`: of a run whose network this lab did not
    build the settings are its own, and those of the lab are None. `source` is `Run.source`: a
    pretrained model has the settings of its network, and those of training and data are None.
    """

    run: Run
    flat: Mapping[str, Any]
    meta: Mapping[str, Any]
    switches: tuple[Mapping[str, Any], ...]
    state: State
    fork: ForkPoint | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def own(self) -> Mapping[str, Any]:
        """The settings that were recorded with a run from elsewhere; {} of one of the lab's own."""
        return origins.own_of(self.origin) if self.origin else {}

    @property
    def summary(self) -> RunSummary:
        """Its state, losses and verdict; read when first asked for, since names need no metrics."""
        known = self.__dict__.get("_summary")
        if known is None:
            known = summary_of(self.run)
            if not known.unread:  # that one is known soon
                self.__dict__["_summary"] = known
        return cast(RunSummary, known)

    @cached_property
    def damaged(self) -> list[str]:
        """Which of its small files are damaged; read once for each change of them."""
        return self.run.damaged

    @property
    def id(self) -> str:
        """The run's id."""
        return self.run.id

    @property
    def name(self) -> str:
        """The name that people gave it, or that was made from its settings."""
        return str(self.meta["name"])

    @property
    def colour(self) -> int:
        """Its index in the palette of runs."""
        colour = self.meta["colour"]
        return colour if isinstance(colour, int) else 0

    @property
    def tags(self) -> list[str]:
        """Its tags, in their order."""
        return [str(tag) for tag in self.meta["tags"]]

    @property
    def image(self) -> Shape | None:
        """The shape of one image of its corpus; None where it is a text."""
        return IMAGES.get(str(self.flat["data.corpus"]))

    @property
    def predicts(self) -> str:
        """What its loss in nats is for: a key of `core.config.units`."""
        names = ("data.corpus", "data.tokenizer")
        return predicted_of(self.run.corpus, *(self.flat[name] for name in names))

    @property
    def cut(self) -> tuple[str, str]:
        """Equal where losses in nats are for the same thing: the unit, and which tokens they are
        where those were learned or came from a file."""
        return self.predicts, str(self.run.tokenizer.get("sha256", ""))

    @property
    def bytes_per_token(self) -> float | None:
        """Bytes of UTF-8 that a token of its held-out text stands for; None where not known."""
        return bytes_per_token(self.run.path)

    @property
    def alive(self) -> bool:
        """Whether it waits or is at work."""
        return self.state in LIVE

    @property
    def rewired(self) -> bool:
        """Whether somebody changed its network while it trained: no setting describes it all."""
        return len(self.switches) > len(self.flat[SCHEDULE])

    @cached_property
    def trained(self) -> Mapping[str, Any]:
        """Its settings as it was trained: with each switch of a layer, scheduled or by hand, and
        where it started; of a run from elsewhere its own alone, of a pretrained model those of its
        network. What only another tokenizer reads is None."""
        if self.origin:
            return self.own
        if self.source:
            return {name: value for name, value in self.flat.items() if name.startswith(NETWORK)}
        start = self.fork.words if self.fork else START
        tokenizer = self.flat["data.tokenizer"]
        unread = {f"data.{f}": None for f, word in OF_TOKENIZER.items() if word != tokenizer}
        return {**self.flat, **unread, SCHEDULE: self.switches, FORK: start}

    @cached_property
    def size(self) -> int:
        """Bytes on disk, of a run that has ended counted once."""
        return self.run.size()

    @cached_property
    def setting(self) -> str:
        """Equal where runs differ in nothing but their seed."""
        return setting_key(self._told_apart, self.switches, self.fork)

    @cached_property
    def experiment(self) -> str:
        """Equal where runs are repeats of each other."""
        return experiment_key(self._told_apart, self.switches, self.fork)

    @property
    def _told_apart(self) -> Mapping[str, Any]:
        """Its settings, and of a pretrained model its weights: no seed drew those. Of a run that
        told none, itself: what is not known may differ."""
        if self.origin and not self.own.keys() - {SEED}:
            return {"id": self.id}
        return {**self.flat, WEIGHTS: self.source.get("sha256")} if self.source else self.flat

    @property
    def values(self) -> dict[str, Any]:
        """The values that filters compare, by name (see `core.catalogue.filters`); layers count
        from 1.
        """
        known = self.__dict__.get("_values")
        if known is None:
            known = self.told(people=True)
            if not self.summary.unread:
                self.__dict__["_values"] = known
        return cast(dict[str, Any], known)

    def told(self, people: bool) -> dict[str, Any]:
        """The values of the settings and of `filter_fields.OWN`, by name.

        Layers that differ are written as `people` type them, counted from 1, or as the command
        line takes them (`0-3: placement=post`).
        """
        found = self.summary
        lists = {
            name: overrides.text(value, people=people)
            for name, value in self.flat.items()
            if isinstance(value, tuple)
        }
        return {
            **self.flat,
            **_answering(self.own),
            **lists,
            "name": self.name,
            "id": self.id,
            "state": found.state,
            "words": found.words,
            "tags": tuple(self.tags),
            "note": str(self.meta["note"]),
            "step": found.step,
            "loss": found.loss,
            "validation": found.validation,
            "best_loss": found.best_loss,
            "best_validation": found.best_validation,
            "grid": tuple(str(self.meta[n]) for n in ("grid", "grid_name") if self.meta.get(n)),
            "fork": (self.fork.key, self.fork.run, self.fork.name) if self.fork else (),
            "verdict": found.verdict.kind,
        }

    @property
    def tokens_per_step(self) -> int | None:
        """Tokens, or images, that one step of training reads; None where nobody knows."""
        if self.origin or self.source:
            return None
        names = ("model.family", "model.context", "training.batch_size")
        return tokens_per_step(*(self.flat[name] for name in names))

    @property
    def layers(self) -> int:
        """How many blocks the network has; of a run from elsewhere, of how many layers there are
        metrics."""
        if self.origin:
            return len(self.origin.get("layers", ()))
        return _network(self._network).blocks

    @property
    def flops_per_step(self) -> float | None:
        """Floating-point operations of one step; None until the run knows its alphabet."""
        vocabulary, tokens = self.run.corpus.get("vocabulary"), self.tokens_per_step
        if not isinstance(vocabulary, int) or tokens is None:
            return None
        return tokens * _flops_per_token(self._network, vocabulary, self.image)

    @cached_property
    def _network(self) -> str:
        own = {n.removeprefix("model."): v for n, v in self.flat.items() if n.startswith("model.")}
        return json.dumps(own)


def of_pretrained(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a pretrained model: those of its network; how it was trained, on what and
    from which seed is not known, so these are None."""
    unknown = {name: None for name in flat if not name.startswith(NETWORK)}
    return {**flat, **unknown, SCHEDULE: ()}


def subject(entry: Entry) -> Subject:
    """The facts of a run that its name is made from."""
    grid, first = (str(entry.meta.get(name) or "") for name in ("grid", "first_name"))
    fork = entry.fork.told if entry.fork else ""
    settings = entry.own if entry.origin else entry.flat
    return Subject(entry.id, entry.name, settings, entry.switches, grid, first, fork)


@lru_cache(maxsize=4096)  # runs of one network share it: checking costs a millisecond
def _network(text: str) -> ModelConfig:
    return ModelConfig.model_validate_json(text)


@lru_cache(maxsize=4096)
def _flops_per_token(text: str, vocabulary: int, image: Shape | None) -> float:
    return estimate.flops_per_token(_network(text), vocabulary, image)


def differing(entries: Iterable[Entry]) -> dict[str, list[Any]]:
    """The settings as trained that are not the same in all runs, each with one value a run.

    The lab's settings are compared among the runs that have them. One that a run from elsewhere
    brought is compared with all: a run that does not have it has None.
    """
    every = list(entries)
    found = alike.differing([entry.trained for entry in every if not entry.origin])
    if any(entry.source for entry in every):  # how it was trained, only the others can differ in
        of_others = alike.differing([e.trained for e in every if not (e.origin or e.source)])
        found = {n: v for n, v in found.items() if n.startswith(NETWORK) or n in of_others}
    foreign = [entry for entry in every if entry.origin]
    if not foreign:
        return found
    names = dict.fromkeys([*found, *(name for entry in foreign for name in entry.trained)])
    columns = {name: [entry.trained.get(name) for entry in every] for name in names}
    return {name: own for name, own in columns.items() if own.count(own[0]) != len(own)}


def own_settings(entries: Iterable[Entry]) -> frozenset[str]:
    """The names of settings that runs from elsewhere brought, which filters know too."""
    return frozenset(name for entry in entries for name in entry.own)


def _answering(own: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a run from elsewhere by the names that a filter may call them: `learning_rate`
    answers where `optimizer.learning_rate` is asked for."""
    found: dict[str, Any] = {}
    for name, value in own.items():
        known = meant(name.replace("/", ".").rpartition(".")[2])
        if len(known) == 1 and known[0] not in OWN:
            found.setdefault(known[0], value)
    return {**found, **own}


def metrics(entries: Iterable[Entry]) -> list[str]:
    """Every metric that any of them has."""
    return sorted({name for entry in entries for name in entry.summary.metrics})
