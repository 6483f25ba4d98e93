"""The queue of a runs folder: a marker file for each run that waits, named in their order.

Markers in ``.queue`` are taken by the workers; those in ``.queue/held`` wait until they are put
back, at the same place in the order. Whoever removes a marker has the run: two can't.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from core.runs import RunStore


def queue_folder(store: RunStore) -> Path:
    """Markers of the runs that wait, named so that sorting gives their order."""
    return store.root / ".queue"


def held_folder(store: RunStore) -> Path:
    """Markers of the runs that nobody may take for now."""
    return queue_folder(store) / "held"


def waiting(store: RunStore) -> list[str]:
    """Ids of the queued runs that may be taken, next first."""
    return [_id(name) for name in _markers(queue_folder(store))]


def held(store: RunStore) -> list[str]:
    """Ids of the queued runs that are held back, next first."""
    return [_id(name) for name in _markers(held_folder(store))]


def add(store: RunStore, id: str) -> None:
    """Put a run at the end of the queue, or back to its place when it was held.

    Raises OSError when the folder can't be written.
    """
    folder = queue_folder(store)
    folder.mkdir(parents=True, exist_ok=True)
    if id not in waiting(store) and not put_back(store, id):
        (folder / f"{time.time_ns():020d}_{id}").touch()


def hold(store: RunStore, id: str) -> bool:
    """Keep a waiting run from being taken; False when it does not wait (any more)."""
    held_folder(store).mkdir(parents=True, exist_ok=True)
    return _move(queue_folder(store), held_folder(store), id)


def put_back(store: RunStore, id: str) -> bool:
    """Let a held run be taken again, at its old place in the order."""
    return _move(held_folder(store), queue_folder(store), id)


def take(store: RunStore, id: str) -> bool:
    """Take a waiting run out of the queue; False when someone else did."""
    taken = False
    for name in _markers(queue_folder(store)):
        if _id(name) == id:
            with contextlib.suppress(FileNotFoundError):
                (queue_folder(store) / name).unlink()
                taken = True
    return taken


def forget(store: RunStore, id: str) -> None:
    """Take a run out of the queue, held or not."""
    take(store, id)
    for name in _markers(held_folder(store)):
        if _id(name) == id:
            (held_folder(store) / name).unlink(missing_ok=True)


def _markers(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if "_" in name)
    except OSError:
        return []  # nothing was ever queued


def _id(name: str) -> str:
    return name.partition("_")[2]


def _move(source: Path, target: Path, id: str) -> bool:
    moved = False
    for name in _markers(source):
        if _id(name) == id:
            with contextlib.suppress(FileNotFoundError):  # a worker was quicker
                os.rename(source / name, target / name)
                moved = True
    return moved
