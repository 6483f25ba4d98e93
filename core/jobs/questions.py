"""Questions that wait for an inspector, and calling one. Knows no torch.

One marker in ``<root>/.inspections`` for each question that waits, named so that sorting gives
their order; see :mod:`core.jobs.inspections`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from core.jobs.local import HOME, worker_environment
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
    """Put a question into the queue and see that somebody answers it. Raises OSError."""
    folder = queue(root)
    folder.mkdir(parents=True, exist_ok=True)
    if (run, id) not in waiting(root):
        (folder / f"{time.time_ns():020d}_{id}_{run}").touch()
    revive(root)


def forget(root: Path, run: str, id: str) -> None:
    """Take a question out of the queue, whether or not it can still be read."""
    for name in os.listdir(queue(root)) if queue(root).is_dir() else []:
        if name.partition("_")[2] == f"{id}_{run}":
            (queue(root) / name).unlink(missing_ok=True)


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
            [sys.executable, "-m", "core.jobs.inspector", str(root)],
            cwd=HOME,
            env=worker_environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,  # closing the dashboard or its terminal does not reach it
        )
