"""The runs as lists of them want it: settings without validation, and what became of them.

Thousands of runs are listed at each rerun of a page, so a run is read again only when one of its
small files has changed; its metrics are never read here but by `core.catalogue.summary`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from core import estimate
from core.cache import Cache
from core.catalogue.summary import RunSummary, summary_of
from core.config import IMAGES, SCHEMA, ModelConfig, RunConfig, Shape, alike, overrides
from core.config.alike import FORK, SCHEDULE, experiment_key, setting_key
from core.config.fork_point import ForkPoint
from core.config.run import tokens_per_step
from core.files import Signature, read_json, signature
from core.runs import Run, RunError, RunStore
from core.runs.status import State
from core.verdicts.labels import LIVE

FILES = ("config.json", "meta.json", "status.json", "corpus.json", "fork.json", "switches.json")
DEFAULTS = RunConfig().flat()
START = "step 0"  # where a run begins that is not a fork


@dataclass(frozen=True, eq=False)
class Entry:
    """One run: `flat` are its settings by dotted name, `meta` what people say of it.

    `switches` are those that changed its layers while it trained, by hand or by schedule, as plain
    settings; `state` is that of the moment when it was listed; `fork` is where it started, None of
    one that started at step 0.
    """

    run: Run
    flat: Mapping[str, Any]
    meta: Mapping[str, Any]
    switches: tuple[Mapping[str, Any], ...]
    state: State
    fork: ForkPoint | None = None

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
        where it started."""
        return {**self.flat, SCHEDULE: self.switches, FORK: self.fork.words if self.fork else START}

    @cached_property
    def size(self) -> int:
        """Bytes on disk, of a run that has ended counted once."""
        return self.run.size()

    @cached_property
    def setting(self) -> str:
        """Equal where runs differ in nothing but their seed."""
        return setting_key(self.flat, self.switches, self.fork)

    @cached_property
    def experiment(self) -> str:
        """Equal where runs are repeats of each other."""
        return experiment_key(self.flat, self.switches, self.fork)

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
    def tokens_per_step(self) -> int:
        """Tokens, or images, that one step of training reads."""
        names = ("model.family", "model.context", "training.batch_size")
        return tokens_per_step(*(self.flat[name] for name in names))

    @property
    def layers(self) -> int:
        """How many blocks the network has."""
        return _network(self._network).blocks

    @property
    def flops_per_step(self) -> float | None:
        """Floating-point operations of one step; None until the run knows its alphabet."""
        vocabulary = self.run.corpus.get("vocabulary")
        if not isinstance(vocabulary, int):
            return None
        return self.tokens_per_step * _flops_per_token(self._network, vocabulary, self.image)

    @cached_property
    def _network(self) -> str:
        own = {n.removeprefix("model."): v for n, v in self.flat.items() if n.startswith("model.")}
        return json.dumps(own)


@lru_cache(maxsize=4096)  # runs of one network share it: checking costs a millisecond
def _network(text: str) -> ModelConfig:
    return ModelConfig.model_validate_json(text)


@lru_cache(maxsize=4096)
def _flops_per_token(text: str, vocabulary: int, image: Shape | None) -> float:
    return estimate.flops_per_token(_network(text), vocabulary, image)


@dataclass(frozen=True)
class Listing:
    """A folder's readable runs, newest first, and a sentence for each damaged one by its id.

    `later` are so many older ones that there was no time to read (see :class:`Once`).
    """

    entries: tuple[Entry, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    later: int = 0


class Once:
    """Each folder is listed once: a page asks a dozen times for its runs, and shows one state of
    them.

    Where there are `seconds`, runs that are not known yet are read for so long, newest first; the
    others are left for later.
    """

    def __init__(self) -> None:
        self.seconds: float | None = None
        self.listings: dict[Path, Listing] = {}

    def read(self, run: Run, stamps: Sequence[Signature | None]) -> Entry | None:
        """A run that is not known yet. Raises _LaterError where the time is up."""
        if self.seconds is None:
            return _entry(run, stamps)
        if self.seconds <= 0:
            raise _LaterError
        started = time.monotonic()
        try:
            entry = _entry(run, stamps)
            _ = entry and entry.damaged
            return entry
        finally:
            self.seconds -= time.monotonic() - started

    @property
    def later(self) -> int:
        """How many runs were left."""
        return sum(listing.later for listing in self.listings.values())


class _LaterError(Exception):
    """There is no time to read a run that is not known yet."""


_ONCE: ContextVar[Once | None] = ContextVar("once", default=None)


@contextlib.contextmanager
def once() -> Iterator[Once]:
    """Within it, folders are listed as :class:`Once` says; nobody changes them there."""
    kept = Once()
    before = _ONCE.set(kept)
    try:
        yield kept
    finally:
        _ONCE.reset(before)


def hurry(seconds: float) -> None:
    """Within :func:`once`: from here on, read no longer than that what is not known yet."""
    kept = _ONCE.get()
    if kept is not None:
        kept.seconds = seconds


ENTRIES: Cache[Entry | None] = Cache(20_000)
SETTINGS: Cache[dict[str, Any] | None] = Cache(20_000)


def listing(store: RunStore) -> Listing:
    """The runs of a store as they are now, or as they were within :func:`once`."""
    kept = _ONCE.get()
    if kept is None:
        return _listed(store)
    if store.root not in kept.listings:
        kept.listings[store.root] = _listed(store, kept)
    return kept.listings[store.root]


def _listed(store: RunStore, kept: Once | None = None) -> Listing:
    names = store.names()
    if len(names) > ENTRIES.most:  # they are never all known
        kept = None
    found: list[Entry] = []
    problems: dict[str, str] = {}
    for number, id in enumerate(reversed(names)):
        try:
            entry = entry_of(store, id, kept)
        except _LaterError:
            return Listing(tuple(found), problems, len(names) - number)
        except Exception:  # one damaged run must not take the others of the list with it
            logging.exception("run %s", id)
            entry = None
        if entry is not None:
            found.append(entry)
            if entry.damaged:
                problems[id] = f"{entry.name} ({id}), damaged: {', '.join(entry.damaged)}"
        elif store.is_run(id):
            problems[id] = f"run {id} can't be read"
    return Listing(tuple(found), problems)


def entries(store: RunStore) -> list[Entry]:
    """Every readable run of a store, newest first."""
    return list(listing(store).entries)


def problems(store: RunStore) -> Mapping[str, str]:
    """A sentence for each damaged run of a store, by its id."""
    return listing(store).problems


def entry_of(store: RunStore, id: str, once: Once | None = None) -> Entry | None:
    """One run, made anew where one of its small files or its state has changed."""
    folder = f"{store.root}/{id}"
    stamps = tuple(signature(f"{folder}/{name}") for name in FILES)
    if stamps[0] is None:  # a folder without config.json is not a run
        return None
    make = once.read if once else _entry
    entry = ENTRIES.get(folder, stamps, lambda: make(Run(store.root / id), stamps))
    if entry is None or not entry.alive:
        return entry
    state = entry.run.status  # its worker may have died, of which no file tells
    if state in LIVE:  # its metrics grow: what is read of them is read anew at each listing
        return replace(entry, state=state)
    return ENTRIES.get((folder, state), stamps, lambda: replace(entry, state=state))


def of_run(run: Run) -> Entry:
    """The entry of a run, wherever it lies; raises RunError when its settings can't be read."""
    found = entry_of(RunStore(run.path.parent), run.id)
    if found is None:
        run.config  # noqa: B018 - says what is wrong
        raise RunError(f"run {run.id} can't be read; `runs list` says why")
    return found


def told(run: Run) -> dict[str, Any]:
    """The values that filters of the command line compare; raises as :func:`of_run`."""
    return of_run(run).told(people=False)


def _entry(run: Run, stamps: Sequence[Signature | None]) -> Entry | None:
    flat = SETTINGS.get(run.prefix, stamps[0], lambda: _flat(run.prefix))
    if flat is None:
        return None
    by_hand = [one.model_dump() for one in run.turned_by_hand] if stamps[-1] else []
    switches = sorted((*flat[SCHEDULE], *by_hand), key=lambda one: one["step"])
    try:
        entry = Entry(run, flat, run.meta, tuple(switches), run.status, run.fork)
        entry.layers  # noqa: B018 - reading it is the check
    except (ValidationError, RunError):
        return None  # the page Runs says why
    return entry


def _flat(folder: str) -> dict[str, Any] | None:
    """`RunConfig.flat` of a run's config.json without its checks, which cost a millisecond each."""
    try:
        config = read_json(Path(folder, "config.json"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict) or config.get("schema", SCHEMA) != SCHEMA:
        return None  # the page Runs says why
    own = {
        f"{group}.{field}": tuple(value) if isinstance(value, list) else value
        for group, values in config.items()
        if isinstance(values, dict)
        for field, value in values.items()
    }
    return {name: own.get(name, default) for name, default in DEFAULTS.items()}


def differing(entries: Iterable[Entry]) -> dict[str, list[Any]]:
    """The settings as trained that are not the same in all runs, each with one value a run."""
    return alike.differing([entry.trained for entry in entries])


def metrics(entries: Iterable[Entry]) -> list[str]:
    """Every metric that any of them has."""
    return sorted({name for entry in entries for name in entry.summary.metrics})
