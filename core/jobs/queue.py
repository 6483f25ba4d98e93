"""The queue of a runs folder: runs that wait for a worker, see :mod:`core.marker_queue`.

Who trains next is the first marker, always; people change the order by hand. A run that is queued
anew takes its turn: grids go round, each gives one run before any of them gives a second, and the
runs that belong to none share a turn. So neither a grid nor a single run waits for the end of
another grid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from core.cache import Cache
from core.marker_queue import MarkerQueue, Where
from core.runs import Run, RunStore

__all__ = ["Where", "place_of", "run_queue", "turn", "waiting"]


def run_queue(store: RunStore) -> MarkerQueue:
    """Runs by their ids, each with the environment of whoever queued it."""
    return MarkerQueue(store.root / ".queue")


def waiting(store: RunStore) -> list[str]:
    """Ids of the queued runs that may be taken, next first."""
    return run_queue(store).waiting()


# Whose turn it is

GRIDS: Cache[str] = Cache(20_000)  # a run's grid never changes


def turn(store: RunStore, run: Run) -> Callable[[list[str]], int]:
    """Where a run that is queued anew stands among the ids that wait."""

    def grid(id: str) -> str:
        one = Run(store.root / id)
        return GRIDS.get(one.prefix, "", lambda: str(one.meta.get("grid") or ""))

    return lambda ids: place_of(grid(run.id), [grid(id) for id in ids])


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
