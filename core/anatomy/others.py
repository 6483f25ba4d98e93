"""Further runs of a question that compares several."""

from __future__ import annotations

from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.runs import RunError


def named(checkpoint: LoadedCheckpoint, other: str) -> LoadedCheckpoint:
    """The checkpoint that ``id@step`` names; of an ``id`` alone the newest. Raises RunError."""
    id, at, step = str(other).partition("@")
    if at and not step.isdecimal():
        raise RunError(f"others: {other} names no checkpoint; accepted: a run's id, or id@step")
    return checkpoint.other(id, int(step) if at else None)
