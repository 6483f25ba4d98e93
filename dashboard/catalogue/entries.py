"""The runs as lists of them want it: settings without validation, and what became of them.

Thousands of runs are listed at each rerun of a page, so a run is read again only when one of its
small files has changed; its metrics are never read here but by `core.catalogue.summary`.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core import estimate
from core.catalogue.summary import Digest, digest
from core.config import IMAGES, SCHEMA, ModelConfig, Shape
from core.config.alike import experiment_key, setting_key
from core.files import read_json
from core.runs import Run, RunStore
from core.runs.status import State
from core.verdicts.labels import LIVE
from dashboard.live.feed import LOCK
from dashboard.settings.form import DEFAULTS, to_widget

FILES = ("config.json", "meta.json", "status.json", "corpus.json", "switches.json")
Stamps = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Entry:
    """One run: `flat` are its settings by dotted name, `meta` what people say of it.

    `switches` are those that changed its layers while it trained, by hand or by schedule, as plain
    settings; `state` is that of the moment when it was listed.
    """

    run: Run
    flat: Mapping[str, Any]
    meta: Mapping[str, Any]
    switches: tuple[Mapping[str, Any], ...]
    state: State

    @cached_property
    def digest(self) -> Digest:
        """What became of it; read when it is asked for, as names need no metrics."""
        return digest(self.run)

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
        """What people call it."""
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

    @cached_property
    def size(self) -> int:
        """Bytes on disk, of a run that has ended counted once."""
        return self.run.size()

    @cached_property
    def setting(self) -> str:
        """Equal where runs differ in nothing but their seed."""
        return setting_key(self.flat, self.switches)

    @cached_property
    def experiment(self) -> str:
        """Equal where runs are repeats of each other."""
        return experiment_key(self.flat, self.switches)

    @cached_property
    def values(self) -> dict[str, Any]:
        """What filters know of it (see `core.catalogue.filters`)."""
        found = self.digest
        lists = {n: to_widget(n, v) for n, v in self.flat.items() if isinstance(v, tuple)}
        return {
            **self.flat,
            **lists,
            "name": self.name,
            "id": self.id,
            "state": found.state,
            "words": found.words,
            "tags": self.tags,
            "note": str(self.meta["note"]),
            "step": found.step,
            "loss": found.loss,
            "validation": found.validation,
            "best_loss": found.best_loss,
            "best_validation": found.best_validation,
            "grid": tuple(str(self.meta[n]) for n in ("grid", "grid_name") if self.meta.get(n)),
            "verdict": found.verdict.kind,
        }

    @property
    def tokens_per_step(self) -> int:
        """As `RunConfig.tokens_per_step`."""
        each = self.flat["model.context"] if self.flat["model.family"] == "transformer" else 1
        return int(self.flat["training.batch_size"]) * int(each)

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


class Catalogue:
    """All entries of a store, read anew where their files changed."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._known: dict[str, tuple[Stamps, Entry]] = {}
        self.problems: dict[str, str] = {}  # a sentence for each damaged run, by id, of the last

    def entries(self) -> list[Entry]:
        """Every readable run, newest first."""
        root = str(self.store.root)
        try:
            names = sorted(os.listdir(root), reverse=True)
        except OSError:
            return []  # nothing was ever trained
        self.problems.clear()
        found = (self._listed(f"{root}/{name}", name) for name in names if name[0] != ".")
        entries = [entry for entry in found if entry is not None]
        gone = self._known.keys() - {entry.id for entry in entries}
        for id in gone:
            del self._known[id]
        return entries

    def _listed(self, folder: str, id: str) -> Entry | None:
        try:
            entry = self._entry(folder, id)
        except Exception:  # one damaged run must not take the others of the list with it
            logging.exception("run %s", id)
            entry = None
        problem = ""
        if entry is None:
            if os.path.isfile(f"{folder}/config.json"):
                problem = f"run {id} can't be read"
        elif entry.damaged:
            problem = f"{entry.name} ({id}), damaged: {', '.join(entry.damaged)}"
        if problem:
            self.problems[id] = problem
        return entry

    def _entry(self, folder: str, id: str) -> Entry | None:
        stamps = _stamps(folder)
        if not stamps[0]:  # a folder without config.json is not a run
            return None
        known = self._known.get(id)
        if known and known[0] == stamps and not known[1].alive:
            return known[1]
        run = known[1].run if known else Run(self.store.root / id)
        # Settings never change, so those of a known run are kept.
        flat = known[1].flat if known and known[0][0] == stamps[0] else _flat(folder)
        if flat is None:
            return None
        by_hand = [one.model_dump() for one in run.turned_by_hand] if stamps[-1] else []
        switches = sorted((*flat["training.switches"], *by_hand), key=lambda one: one["step"])
        entry = Entry(run, flat, run.meta, tuple(switches), run.status)
        try:
            entry.layers  # noqa: B018 - reading it is the check
        except ValidationError:
            return None  # the page Runs says why
        self._known[id] = (_stamps(folder), entry)
        return entry


def _stamps(folder: str) -> Stamps:
    found = []
    for name in FILES:
        try:
            found.append(os.stat(f"{folder}/{name}").st_mtime_ns)
        except OSError:
            found.append(0)
    return tuple(found)


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


def differing(entries: Sequence[Entry]) -> dict[str, tuple[Any, ...]]:
    """The settings that are not the same everywhere, with one value for each run."""
    columns = zip(*(entry.flat.values() for entry in entries), strict=True)
    return {
        name: column
        for name, column in zip(DEFAULTS, columns, strict=False)
        if column.count(column[0]) != len(column)
    }


def metrics(entries: Iterable[Entry]) -> list[str]:
    """Every metric that any of them has."""
    return sorted({name for entry in entries for name in entry.digest.metrics})


@cache
def _catalogue(store: RunStore) -> Catalogue:
    return Catalogue(store)


def entries(store: RunStore) -> list[Entry]:
    """Every readable run of a store, newest first; one reader at a time."""
    with LOCK:
        return _catalogue(store).entries()


def problems(store: RunStore) -> dict[str, str]:
    """A sentence for each damaged run of a store, by its id, as of its last listing."""
    with LOCK:
        return dict(_catalogue(store).problems)
