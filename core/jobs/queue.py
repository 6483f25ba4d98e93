"""The queue of a runs folder: runs that wait for a worker, see :mod:`core.marker_queue`.

Who trains next is the first marker, always; people change the order by hand. A run that is queued
anew stands before all of a lower priority, and among those of its own it takes its turn: grids go
round, each gives one run before any of them gives a second, and the runs that belong to none share
a turn. So neither a grid nor a single run waits for the end of another grid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from core.cache import Cache
from core.marker_queue import MarkerQueue, Where
from core.runs import Run, RunStore

__all__ = [
    "HIGHEST",
    "Rank",
    "Where",
    "place_of",
    "rank_of",
    "ranked",
    "run_queue",
    "turn",
    "waiting",
]


def run_queue(store: RunStore) -> MarkerQueue:
    """Runs by their ids, each with the environment of whoever queued it."""
    return MarkerQueue(store.root / ".queue")


def waiting(store: RunStore) -> list[str]:
    """Ids of the queued runs that may be taken, next first."""
    return run_queue(store).waiting()


# Whose turn it is

HIGHEST = 100  # priority; the lowest is as far below 0, which is that of a run that says none


class Rank(NamedTuple):
    """What decides where a run that is queued anew stands: higher first; "" is no grid."""

    priority: int
    grid: str


RANKS: Cache[Rank] = Cache(20_000)  # a run's rank never changes


def rank_of(run: Run) -> Rank:
    """The rank of a run, as its directory says."""

    def read() -> Rank:
        meta = run.meta
        said = meta.get("priority", 0)
        return Rank(min(max(said, -HIGHEST), HIGHEST), str(meta.get("grid") or ""))

    return RANKS.get(run.prefix, "", read)


def turn(store: RunStore, run: Run) -> Callable[[list[str]], int]:
    """Where a run that is queued anew stands among the ids that wait."""
    return lambda ids: ranked(rank_of(run), [rank_of(Run(store.root / id)) for id in ids])


def ranked(mine: Rank, others: Sequence[Rank]) -> int:
    """Where a run stands among those that wait: behind the last of a higher priority, before those
    that are followed by lower ones alone, and between them in its turn."""
    higher = [at for at, other in enumerate(others) if other.priority > mine.priority]
    begin = higher[-1] + 1 if higher else 0
    equal = [at for at, other in enumerate(others) if other.priority >= mine.priority]
    end = equal[-1] + 1 if equal else 0
    return begin + place_of(mine.grid, [other.grid for other in others[begin:end]])


def place_of(grid: str, grids: Sequence[str]) -> int:
    """Where a run of a grid ("" for none) stands among those that wait, by their grids: before the
    first that waits for a later round than it."""
    mine, seen = grids.count(grid), Counter[str]()
    last = max((at for at, other in enumerate(grids) if other == grid), default=-1)
    for at, other in enumerate(grids):
        if at > last and seen[other] > mine:
            return at
        seen[other] += 1
    return len(grids)
