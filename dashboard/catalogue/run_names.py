"""What runs are called on a page: by what differs among all of the folder.

Deleted runs count as long as they lie in the trash, so that no name changes because another run is
deleted or restored. It may when a run is added, or leaves the trash for good.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from core.catalogue import index as catalogue
from core.catalogue.entry import Entry, subject
from core.catalogue.naming import Subject, cut, described_of, labels, names
from core.config.alike import SEED
from core.language import t
from core.runs import Run, RunError
from dashboard.live.feed import store


@dataclass(frozen=True)
class Called:
    """Names by id, all different, and the same cut to what has room at the end of a line."""

    names: Mapping[str, str]
    labels: Mapping[str, str]


def of_one_setting(group: Sequence[Entry]) -> Subject:
    """The facts that a line's name is made from: of several seeds without them, with the first id.

    Its name is given where the names of all its runs were.
    """
    each = list(map(subject, group))
    if len(each) == 1:
        return each[0]
    settings = {name: value for name, value in each[0].settings.items() if name != SEED}
    given = "" if any(one.made and not one.renamed for one in each) else _stem(group)
    made = described_of(each[0]) if any(one.made for one in each) else ""
    grids = {one.grid for one in each}
    return replace(
        each[0],
        name=given,
        settings=settings,
        grid=grids.pop() if len(grids) == 1 else "",
        first=made,
    )


def _stem(group: Sequence[Entry]) -> str:
    """What the given names of a group share: each without its seed, else how they begin."""
    stems = {re.sub(r"[\s,·:-]*\bseed[\s=]*\d+\s*$", "", entry.name).strip() for entry in group}
    if len(stems) == 1:
        return stems.pop() or group[0].name
    stem = re.sub(r"[\W_]+$", "", _beginning(stems))
    return stem if len(stem) >= 3 else group[-1].name


def _beginning(texts: Collection[str]) -> str:
    """What all texts begin with, letter by letter."""
    first, last = min(texts), max(texts)
    same = (a == b for a, b in zip(first, last, strict=False))
    return first[: sum(1 for _ in itertools.takewhile(bool, same))]


def among(entries: Sequence[Entry]) -> Called:
    """The names of these runs beside each other, and beside those in the trash."""
    return _among(tuple(entries), catalogue.deleted(store()))


# Entries are kept as long as nothing about their runs changes, so they are the key.
@lru_cache(maxsize=8)
def _among(entries: tuple[Entry, ...], deleted: tuple[Entry, ...]) -> Called:
    here = {entry.id for entry in entries}
    # Their folders begin with when they were deleted; an id may be there again, or twice.
    gone = {_deleted_id(entry): entry for entry in reversed(deleted)}
    beside = [replace(subject(entry), id=id) for id, entry in gone.items() if id not in here]
    return called(list(map(subject, entries)), beside)


def _deleted_id(entry: Entry) -> str:
    return entry.id.partition("_")[2]


def called(subjects: Sequence[Subject], beside: Sequence[Subject] = ()) -> Called:
    """The names of subjects and their labels; those `beside` count and are not named."""
    found = names([*subjects, *beside])
    short = labels(found)
    ids = [one.id for one in subjects]
    return Called({id: found[id] for id in ids}, {id: short[id] for id in ids})


def everywhere() -> Called:
    """The names of all runs of the folder: the same on every page that shows some of them."""
    return among(catalogue.entries(store()))


def of_runs(runs: Sequence[Run]) -> dict[str, str]:
    """Names of runs of the folder by id; of runs from elsewhere beside each other."""
    known = everywhere().names
    if all(run.id in known for run in runs):
        return {run.id: known[run.id] for run in runs}
    return names([subject(catalogue.of_run(run)) for run in runs])


def name_of(run: Run) -> str:
    """The name of a run beside all others of the folder; of one that ships its own."""
    return everywhere().names.get(run.id) or t(run.name)


def forked(run: Run) -> dict[str, Any] | None:
    """Where a run was forked: the id, the name and the step; the name that its parent has now."""
    try:
        fork = run.fork
    except RunError:
        return None
    if fork is None:
        return None
    return {"run": fork.run, "name": everywhere().names.get(fork.run, fork.name), "step": fork.step}


def label_of(run: Run) -> str:
    """The name of a run, cut to what has room at the end of a line."""
    return everywhere().labels.get(run.id) or cut(t(run.name))
