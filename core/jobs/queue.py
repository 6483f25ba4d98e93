"""The queue of a runs folder: runs that wait for a worker, see :mod:`core.marker_queue`."""

from __future__ import annotations

from core.marker_queue import MarkerQueue
from core.runs import RunStore


def run_queue(store: RunStore) -> MarkerQueue:
    """Runs by their ids, each with the environment of whoever queued it."""
    return MarkerQueue(store.root / ".queue")


def waiting(store: RunStore) -> list[str]:
    """Ids of the queued runs that may be taken, next first."""
    return run_queue(store).waiting()
