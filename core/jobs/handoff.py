"""Priority of a worker between two runs: it takes the next run before the folder's standby does.

A lock that any number of workers hold together while they are between two runs. The standby, which
would have to start a successor and so import torch anew, leaves the queue to them meanwhile. It
lies in the queue's folder, whose changes the standby is told: closed after writing, it is free.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from core.jobs.queue import run_queue
from core.runs import RunStore
from core.runs.locks import SAFELY


class Turn:
    """A worker's claim to the next run, held between two runs and gone with its process."""

    def __init__(self, store: RunStore) -> None:
        self._path = _path(store)
        self._fd: int | None = None

    def acquire(self) -> None:
        """Go before the standby from now on; nothing to do where the runs folder is gone."""
        if self._fd is None and self._path.parent.is_dir():
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | SAFELY, 0o644)
            fcntl.flock(self._fd, fcntl.LOCK_SH)

    def release(self) -> None:
        """Leave the queue to the others."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def is_someones(store: RunStore) -> bool:
    """Whether a worker of this folder is between two runs."""
    try:
        fd = os.open(_path(store), os.O_RDONLY | SAFELY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _path(store: RunStore) -> Path:
    return run_queue(store).folder / "between"
