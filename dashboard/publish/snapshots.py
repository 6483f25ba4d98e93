"""Attention that travels along: whole heads as they lie on the disk, at as many steps as fit.

A page of a folder has no server that would send the one head that somebody looks at, so all heads
of a step travel or none. Steps are taken in turns from all runs, of each the last and the first
before those between, until the room for them is full.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.catalogue.entry import Entry
from core.heads.patterns import Patterns, map_npy
from core.runs import RunError
from dashboard.attention.choices import has_attention
from dashboard.publish import answers, packed

MOST_PACKED = 1032  # times that deflate makes anything smaller, at most


@dataclass
class Kept:
    """The snapshots of a run that travel: `parts` are packed patterns by step, `of` is how many
    snapshots the run has."""

    entry: Entry
    of: int
    shape: tuple[int, ...] = ()
    packed: bool = True
    parts: dict[int, str] = field(default_factory=dict)
    stamps: dict[int, str] = field(default_factory=dict)

    @property
    def steps(self) -> list[int]:
        """The steps that travel, in order."""
        return sorted(self.parts)

    def content(self) -> dict[str, str]:
        """The run's file: a table of what is in it, and the patterns of each step."""
        steps = self.steps
        about: dict[str, Any] = {
            "steps": steps,
            "stamps": [self.stamps[step] for step in steps],
            "shape": self.shape,
            "packed": self.packed,
            "scores": {str(step): answers.of_scores(self.entry.id, step) for step in steps},
        }
        return {"about": packed.as_json(about)} | {str(s): self.parts[s] for s in steps}


def kept(entries: Sequence[Entry], room: int) -> list[Kept]:
    """The snapshots that travel in `room` bytes, of all runs that keep attention."""
    found = [Kept(e, len(e.run.snapshots.steps)) for e in entries if has_attention(e.run)]
    found = [one for one in found if one.of]
    turns = {one.entry.id: spread(one.entry.run.snapshots.steps) for one in found}
    waiting = list(found)
    while waiting:
        for one in list(waiting):
            step = next(turns[one.entry.id], None)
            part = None if step is None else _read(one, step, room)
            if step is None or (part is not None and len(part) > room):
                waiting.remove(one)
            elif part is not None:
                room -= len(part)
                one.parts[step] = part
    return found


def spread(steps: Sequence[int]) -> Iterator[int]:
    """The steps in the order in which they say most: the last, the first, then the middle of the
    longest stretch that nothing was taken of."""
    if not steps:
        return
    yield steps[-1]
    if len(steps) > 1:
        yield steps[0]
    open_ = [(0, len(steps) - 1)]
    while open_:
        first, last = max(open_, key=lambda one: one[1] - one[0])
        open_.remove((first, last))
        middle = (first + last) // 2
        if middle in (first, last):
            continue
        yield steps[middle]
        open_ += [(first, middle), (middle, last)]


def _read(one: Kept, step: int, room: int) -> str | None:
    """The packed patterns of a step; None where they can't be read, or can't fit by far."""
    snapshots = one.entry.run.snapshots
    try:
        patterns = Patterns(map_npy(snapshots.path(step)))
    except (OSError, ValueError, RunError):
        return None
    if patterns.kept.nbytes > MOST_PACKED * room:
        return None
    if one.shape and (patterns.shape, patterns.packed) != (one.shape, one.packed):
        return None  # of another network, before it was rewired
    one.shape, one.packed = patterns.shape, patterns.packed
    one.stamps[step] = str(snapshots.stamp(step))
    return packed.halves(patterns.kept)
