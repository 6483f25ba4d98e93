"""Further runs of a question that compares several."""

from __future__ import annotations

from core.anatomy.loaded_checkpoint import Subject
from core.runs import RunError


def named(subject: Subject, other: str) -> Subject:
    """The checkpoint that ``id@step`` names; of an ``id`` alone the newest. Raises RunError."""
    id, at, step = str(other).partition("@")
    if at and not step.isdecimal():
        raise RunError(f"others: {other} names no checkpoint; accepted: a run's id, or id@step")
    return subject.other(id, int(step) if at else None)
