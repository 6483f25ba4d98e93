"""Questions that wait for an inspector, and calling one. Does not import torch.

One marker in ``<root>/.inspections`` for each, with the environment of whoever asked; see
:mod:`core.jobs.inspections`.
"""

from __future__ import annotations

from pathlib import Path

from core.jobs import environment
from core.jobs.processes import INSPECTOR, ensure
from core.marker_queue import MarkerQueue


def question_queue(root: Path) -> MarkerQueue:
    """Questions by :func:`job`."""
    return MarkerQueue(root / ".inspections")


def job(run: str, id: str) -> str:
    """The name of a question's marker in the queue."""
    return f"{id}_{run}"


def waiting(root: Path) -> list[tuple[str, str]]:
    """(run id, question id) of those that wait, oldest first."""
    parts = (name.partition("_") for name in question_queue(root).waiting())
    return [(run, id) for id, _, run in parts if run]


def mark(root: Path, run: str, id: str) -> None:
    """Put a question into the queue and see that somebody answers it. Raises OSError.

    It will be answered in this process's environment, also where another one asked it before.
    """
    question_queue(root).put(job(run, id), environment.written())
    revive(root)


def forget(root: Path, run: str, id: str) -> None:
    """Take a question out of the queue, whether or not it can still be read."""
    question_queue(root).forget(job(run, id))


def revive(root: Path) -> None:
    """Make sure that an inspector answers the questions of a runs folder."""
    if root.is_dir():
        ensure(INSPECTOR, root)
