"""When a run that waits gets its turn: its place in the queue and about how long that takes."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from core.durations import (
    ASSUMED,
    Measured,
    in_time,
    measured,
    nearest,
    run_seconds,
    step_work,
)
from core.jobs.admission import device_of
from core.jobs.queue import rank_of, waiting
from core.language import Message, mark
from core.machine import DeviceKind, cores, slots
from core.runs import Run, RunStore

ORDINALS = (
    *(mark("first"), mark("second"), mark("third"), mark("fourth"), mark("fifth")),
    *(mark("sixth"), mark("seventh"), mark("eighth"), mark("ninth"), mark("tenth")),
)
NUMBERED = {1: mark("{n}st"), 2: mark("{n}nd"), 3: mark("{n}rd")}
OTHERS = mark("{n}th")


@dataclass(frozen=True)
class Place:
    """A run's place among those that wait, 1 for the next one, and the seconds until it starts.

    None while nothing tells how long those before it take. `priority` is what it was queued with.
    """

    number: int
    seconds: float | None
    priority: int = 0

    @property
    def words(self) -> str:
        """`third, starts in about 4 min`; `first, priority 5`."""
        if self.number <= len(ORDINALS):
            which = Message(ORDINALS[self.number - 1])
        else:
            teens = self.number % 100 in (11, 12, 13)
            template = OTHERS if teens else NUMBERED.get(self.number % 10, OTHERS)
            which = Message(template, n=self.number)
        if self.priority:
            which = Message("{place}, priority {priority}", place=which, priority=self.priority)
        if self.seconds is None:
            return which
        if self.seconds < 1:
            return Message("{place}, starts now", place=which)
        time = in_time(self.seconds)
        return Message("{place}, starts in about {time}", place=which, time=time)

    def for_json(self) -> dict[str, Any]:
        """Plain values, in whole seconds."""
        left = None if self.seconds is None else round(self.seconds)
        return {
            "number": self.number,
            "starts_in": left,
            "priority": self.priority,
            "words": self.words,
        }


def places(store: RunStore) -> Mapping[str, Place]:
    """The place of each run that waits, by its id; runs that are held back have none.

    The time is told where this machine has measured runs: from what those at work say is left, and
    from the steps of those before it.
    """
    order = waiting(store)
    if not order:
        return {}
    ids = frozenset(order)
    by_id = {run.id: run for run in store.list()}
    began = [run for id, run in by_id.items() if id not in ids]  # who waits has measured nothing
    newest = began[-NEWEST:]
    active = [run for run in began if run.status in AT_WORK and not run.on]
    known = [
        (device_of(run.config), found)
        for run in newest
        if not run.on and (found := measured(run)) is not None
    ]
    clocks: dict[DeviceKind, _Slots | None] = {
        kind: _Slots.of(
            kind,
            [run for run in active if device_of(run.config) == kind],
            [found for one, found in known if one == kind],
        )
        for kind in KINDS
    }
    told: dict[str, Place] = {}
    for number, id in enumerate(order, 1):
        run = by_id.get(id)
        kind = "cpu" if run is None else device_of(run.config)
        clock = clocks[kind]
        priority = 0 if run is None else rank_of(run).priority
        if run is not None and run.on:  # nothing here tells how long a cluster takes
            told[id] = Place(number, None, priority)
            continue
        told[id] = Place(number, clock.next if clock else None, priority)
        if clock and run is not None and not clock.take(run):
            clocks[kind] = None
    return told


KINDS: tuple[DeviceKind, ...] = ("cpu", "cuda")
NEWEST = 12  # runs that tell how fast this machine is
AT_WORK = ("starting", "running")


class _Slots:
    """When each slot of a kind is free, in seconds from now."""

    def __init__(self, kind: DeviceKind, known: Sequence[Measured], ends: Sequence[float]) -> None:
        many = max(slots(kind), 1)
        self._share, self._known = max(1, cores() // many), known
        busy = sorted(ends)[:many]
        self._ends = [*[0.0] * (many - len(busy)), *busy]
        heapq.heapify(self._ends)

    @classmethod
    def of(cls, kind: DeviceKind, active: Sequence[Run], known: Sequence[Measured]) -> Self | None:
        """The slots beside these runs; None where it is unknown how long they still take."""
        made = cls(kind, known, [])
        left = [made.left(run) for run in active]
        ends = [one for one in left if one is not None]
        return cls(kind, known, ends) if known and len(ends) == len(left) else None

    @property
    def next(self) -> float:
        """When the next slot is free."""
        return self._ends[0]

    def take(self, run: Run) -> bool:
        """Give it to a run; False where it is unknown how long the run would take."""
        took = self.left(run)
        if took is not None:
            heapq.heapreplace(self._ends, self.next + took)
        return took is not None

    def left(self, run: Run) -> float | None:
        """Seconds until a run is done: as it says itself, else from runs like it."""
        record, config = run.record, run.config
        if record.seconds_left is not None:
            return record.seconds_left
        size = run.corpus.get("vocabulary")
        vocabulary = size if isinstance(size, int) else ASSUMED
        near = nearest(self._known, step_work(config, vocabulary))
        if near is None:
            return None
        threads = self._share if config.training.threads == "auto" else config.training.threads
        return run_seconds(config, vocabulary, threads, near, record.step)
