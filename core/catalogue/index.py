"""The runs as lists of them want it: settings without validation, and what became of them.

Thousands of runs are listed at each rerun of a page, so a run is read again only when one of its
small files has changed; its metrics are never read here but by `core.catalogue.summary`.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.cache import Cache
from core.catalogue.entry import Entry, of_pretrained
from core.config import SCHEMA, RunConfig
from core.config.alike import SCHEDULE
from core.files import Signature, read_json, signature
from core.language import Message
from core.runs import Run, RunError, RunStore, origins
from core.runs.trash import Trash
from core.verdicts.labels import LIVE

FILES = ("config.json", "meta.json", "status.json", "corpus.json", "fork.json", "origin.json",
         "switches.json")  # fmt: skip
DEFAULTS = RunConfig().flat()


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
        self.trash: dict[Path, tuple[Entry, ...]] = {}

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
                problems[id] = Message(
                    "{name} ({run}), damaged: {files}",
                    name=entry.name,
                    run=id,
                    files=", ".join(entry.damaged),
                )
        elif store.is_run(id):
            problems[id] = Message("run {run} can't be read", run=id)
    return Listing(tuple(found), problems)


def entries(store: RunStore) -> list[Entry]:
    """Every readable run of a store, newest first."""
    return list(listing(store).entries)


def deleted(store: RunStore) -> tuple[Entry, ...]:
    """The readable runs in a store's trash, newest first: what others are called counts them."""
    kept = _ONCE.get()
    if kept is None:
        return tuple(_in_trash(store, None))
    if store.root not in kept.trash:
        kept.trash[store.root] = tuple(_in_trash(store, kept))
    return kept.trash[store.root]


def _in_trash(store: RunStore, kept: Once | None) -> Iterator[Entry]:
    trash = Trash(store.root)
    lying = RunStore(trash.path)
    for one in trash.list():
        try:
            entry = entry_of(lying, one.key, kept)
        except _LaterError:
            return
        except Exception:  # damaged and deleted: nobody asks for it
            continue
        if entry is not None:
            yield entry


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
        raise RunError(Message("run {run} can't be read; `runs list` says why", run=run.id))
    return found


def told(run: Run) -> dict[str, Any]:
    """The values that filters of the command line compare; raises as :func:`of_run`."""
    return of_run(run).told(people=False)


def _entry(run: Run, stamps: Sequence[Signature | None]) -> Entry | None:
    flat = SETTINGS.get(run.prefix, stamps[0], lambda: _flat(run.prefix))
    if flat is None:
        return None
    origin = run.origin if stamps[FILES.index(origins.FILE)] else {}
    source = {} if origin else run.source
    if origin:
        flat = origins.flat_of(origin)
    elif source:
        flat = of_pretrained(flat)
    by_hand = [one.model_dump() for one in run.turned_by_hand] if stamps[-1] else []
    switches = sorted((*flat[SCHEDULE], *by_hand), key=lambda one: one["step"])
    try:
        entry = Entry(run, flat, run.meta, tuple(switches), run.status, run.fork, origin, source)
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
