"""Runs of one queue that a worker trains as one batched program, and how many may be together.

ADDNORM_COHORTS says it: `off`, `auto` or a number. A cohort has one slot of the machine, whose
memory is that of all its members.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.files import is_full
from core.jobs.slots import Slot
from core.language import Message
from core.machine import DeviceKind
from core.runs import Run
from core.runs.locks import Lock

if TYPE_CHECKING:
    from core.jobs.execute_run import FileControl
    from core.runs.status import State

VARIABLE = "ADDNORM_COHORTS"
MOST = 64
AUTO = 8  # on a GPU, where a measurement says that it pays


class CohortsError(ValueError):
    """A word that says no size of a cohort."""


def chosen(text: str | None = None) -> int | None:
    """How many runs may train together, 1 for none, None for auto; of ADDNORM_COHORTS by default.

    Raises CohortsError, which names the option where a text was given.
    """
    name = VARIABLE if text is None else "cohort"
    text = os.environ.get(VARIABLE, "") if text is None else text
    word = text.strip().lower()
    if word in ("", "auto"):
        return None
    if word in ("off", "1"):
        return 1
    if word.isascii() and word.isdecimal() and len(word) < 4 and 2 <= int(word) <= MOST:
        return int(word)
    raise CohortsError(
        Message(
            "{name}={value}: accepted are off, auto and a whole number from 2 to {most}",
            name=name,
            value=text[:40],
            most=MOST,
        )
    )


def most(kind: DeviceKind) -> int:
    """How many runs a worker takes at once; a word that says no number counts as auto."""
    try:
        number = chosen()
    except CohortsError:
        number = None
    # On a processor each run has a core of its own, and a cohort is no faster: measured in
    # tests/benchmarks/NOTES.md.
    return number or (AUTO if kind == "cuda" else 1)


class Shared:
    """A slot that several runs have together: it is left when none of them works."""

    def __init__(self, slot: Slot) -> None:
        self.slot, self.working = slot, 0


class Seat(Slot):
    """A run's part of a shared slot."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared.slot.kind, shared.slot.need)
        self._shared, self._inside = shared, True
        shared.working += 1

    @property
    def taken(self) -> bool:
        """Whether this run counts as at work."""
        return self._inside

    def enter(self, wait: bool = True) -> bool:
        """Count as at work again; the slot is taken where none of the others has it."""
        if not self._inside and (self._shared.working or self._shared.slot.enter(wait)):
            self._inside = True
            self._shared.working += 1
        return self._inside

    def leave(self) -> None:
        """Count as at work no more; the last one leaves the slot."""
        if self._inside:
            self._inside = False
            self._shared.working -= 1
            if not self._shared.working:
                self._shared.slot.leave()

    def share(self) -> int:
        """Threads of all of them together."""
        return self._shared.slot.share()


@dataclass
class Taken:
    """A run whose lock is held, with what steers it."""

    run: Run
    lock: Lock
    control: FileControl
    seat: Seat


def work_together(taken: Sequence[Taken]) -> None:
    """Train runs whose locks and slot the caller holds, and write down how each ended.

    Never raises for what can go wrong with a run. Each lock is released as its run ends, but for
    the last one's, and so is the slot. A run that can't begin with the others, because the disk is
    full, waits for room and trains after them.
    """
    import torch

    from core.catalogue.summary import keep
    from core.jobs.execute_run import cause_of, end_badly, work
    from core.training.cohort import Cohort

    torch.set_flush_denormal(True)  # as for a single run
    by_id = {one.run.id: one for one in taken}
    left, alone = {*by_id}, []

    def ended(run: Run, state: State | None, error: Exception | None, step: int) -> None:
        one = by_id[run.id]
        if error is not None and is_full(error) and run.id not in begun:
            alone.append(one)
            return
        if error is not None:
            end_badly(run, *cause_of(run, error), step)
        keep(run)
        left.discard(run.id)
        if left:  # the last one's is given back in its worker's turn
            one.seat.leave()
            one.lock.release()

    begun: set[str] = set()
    cohort = Cohort([one.run for one in taken], [one.control for one in taken], ended)
    begun |= {member.trainer.run.id for member in cohort.members}
    cohort.train()
    del cohort
    for one in alone:
        work(one.run, one.control)
        left.discard(one.run.id)
        if left:
            one.seat.leave()
            one.lock.release()


def pays(run: Run, members: int, kind: DeviceKind) -> bool:
    """Whether so many runs like this one train faster together here; asked for, they always do."""
    try:
        asked = chosen() is not None
    except CohortsError:
        asked = False
    if asked or kind == "cpu":
        return asked
    import torch

    from core.jobs import admission
    from core.training import cohort_speed

    vocabulary = admission.letters(run.config, fork=run.fork)
    device = torch.device("cuda")
    return bool(vocabulary) and cohort_speed.pays(run.config, vocabulary or 0, members, device)
