"""Questions that wait for an inspector, and calling one. Knows no torch.

One marker in ``<root>/.inspections`` for each question that waits, named so that sorting gives
their order; see :mod:`core.jobs.inspections`. As a waiting run's marker does, it holds the
environment of whoever asked, for an inspector that was started in another one.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from core.jobs import queue as markers
from core.jobs.launcher import HOME, worker_environment
from core.runs.locks import is_locked

STARTING_SECONDS = 5.0  # that an inspector is given to take its lock before another is started


def queue(root: Path) -> Path:
    """The folder of markers."""
    return root / ".inspections"


def inspector_lock(root: Path) -> Path:
    """Held by the one inspector of a runs folder."""
    return root / ".inspector"


def waiting(root: Path) -> list[tuple[str, str]]:
    """(run id, question id) of those that wait, oldest first."""
    try:
        names = sorted(os.listdir(queue(root)))
    except OSError:
        return []
    parts = (name.split("_", 2) for name in names)
    return [(part[2], part[1]) for part in parts if len(part) == 3]


def mark(root: Path, run: str, id: str) -> None:
    """Put a question into the queue and see that somebody answers it. Raises OSError.

    It will be answered in this process's environment, also where another one asked it before.
    """
    folder = queue(root)
    folder.mkdir(parents=True, exist_ok=True)
    known = _names(root, run, id)
    path = folder / (known[0] if known else f"{time.time_ns():020d}_{id}_{run}")
    if not known or markers.read_marker(path) != markers.own_environment():
        markers.write_marker(path)
    revive(root)


def environment(root: Path, run: str, id: str) -> dict[str, str] | None:
    """The environment in which a waiting question was asked; None where it is not known."""
    for name in _names(root, run, id):
        return markers.read_marker(queue(root) / name)
    return None


def forget(root: Path, run: str, id: str) -> None:
    """Take a question out of the queue, whether or not it can still be read."""
    for name in _names(root, run, id):
        (queue(root) / name).unlink(missing_ok=True)


def _names(root: Path, run: str, id: str) -> list[str]:
    """The markers of a question, the oldest first."""
    try:
        names = sorted(os.listdir(queue(root)))
    except OSError:
        return []  # nothing was ever asked
    return [name for name in names if name.partition("_")[2] == f"{id}_{run}"]


def revive(root: Path) -> None:
    """Make sure that an inspector answers the questions of a runs folder.

    Starting one takes a moment until it holds its lock; meanwhile no second one is started.
    """
    log = root / ".inspector.log"
    with contextlib.suppress(OSError):
        if is_locked(inspector_lock(root)) or time.time() - log.stat().st_mtime < STARTING_SECONDS:
            return
    if not root.is_dir():
        return
    with open(log, "ab") as file:
        os.utime(log)
        subprocess.Popen(
            [sys.executable, "-m", "core.jobs.inspection_worker", str(root)],
            cwd=HOME,
            env=worker_environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,  # closing the dashboard or its terminal does not reach it
        )
