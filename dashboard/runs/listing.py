"""The lists of the page Runs: what is in the folder, what is in its trash, what can't be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from core.catalogue import index as catalogue
from core.catalogue.entry import Entry
from core.files import Usage, together
from core.language import t
from core.memory import in_bytes
from core.runs import Run, RunError, RunStore
from core.verdicts.labels import LIVE, STATE_LABELS
from dashboard.catalogue import run_names
from dashboard.compare import rows
from dashboard.compare.listing import counted


@cache
def _trash_store(path: Path) -> RunStore:
    # A deleted run is still a run's directory, so its list is made as every other.
    return RunStore(path)


def deleted(store: RunStore) -> list[Entry]:
    """The runs in the trash, the last deleted first; their ids are their keys there."""
    return catalogue.entries(_trash_store(store.trash.path))


def damaged(store: RunStore, entries: Sequence[Entry]) -> dict[str, str]:
    """A sentence for each directory that looks like a run but is not listed, by its id.

    Only these are opened: checking the settings of thousands of runs takes seconds.
    """
    listed = {entry.id for entry in entries}
    found = {}
    for name in catalogue.problems(store):
        if name in listed:
            continue
        try:
            Run(store.root / name).config  # noqa: B018 - reading it is the check
        except RunError as error:
            found[name] = t(error)
    return found


@lru_cache(maxsize=20_000)
def created(id: str) -> float | None:
    """When a run was created, from its id, in seconds since 1970."""
    try:
        return datetime.strptime(id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def table(entries: Sequence[Entry], sizes: Mapping[str, Usage]) -> list[dict[str, Any]]:
    """The rows of the runs in the folder, without their settings."""
    names = run_names.everywhere().names  # as every other page calls them
    made = rows.rows(entries, [], {}, names)
    for row, entry in zip(made, entries, strict=True):
        row |= {"created": created(entry.id)} | _size(sizes, entry.id)
    return made


def trash_table(store: RunStore, sizes: Mapping[str, Usage]) -> list[dict[str, Any]]:
    """The rows of the deleted runs: when each was deleted, and how many days it stays."""
    known = {one.key: one for one in store.trash.list()}
    entries = [entry for entry in deleted(store) if entry.id in known]
    made = rows.rows(entries, [], {}, {})
    for row, entry in zip(made, entries, strict=True):
        one = known[entry.id]
        row |= {"deleted": one.at, "left": one.days_left()} | _size(sizes, entry.id)
        if row["state"] in LIVE:  # it waited; nothing in the trash is asked for news
            row |= {"state": "stopped", "words": t(STATE_LABELS["stopped"].word)}
    return made


def _size(sizes: Mapping[str, Usage], id: str) -> dict[str, Any]:
    found = sizes.get(id)
    if found is None:
        return {"size": None, "on_disk": None}
    return {"size": found.bytes, "on_disk": in_bytes(found.bytes)}


def total(listed: Sequence[Entry], entries: Sequence[Entry], sizes: Mapping[str, Usage]) -> str:
    """`12 of 60 runs, 1.2 GB`, the size of all; says where not all are counted yet."""
    size = in_bytes(together(sizes[entry.id] for entry in entries if entry.id in sizes))
    values = {"runs": counted(listed, entries), "size": size}
    if all(entry.id in sizes for entry in entries):
        return t("{runs}, {size}", **values)
    return t("{runs}, {size} counted so far", **values)
