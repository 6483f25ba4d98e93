"""What probes cost a run, and how far apart that puts them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from core.language import Message, said
from core.probes.alarms import Event
from core.runs import Run
from core.runs.budget import DOUBLINGS, FIELD, SECONDS, STEPS, TIMES, stretched
from core.training.state import TrainingState

NAME = "probe_budget"  # of the event, which stands where alarms do


class ProbeBudget:
    """Doubles the intervals of all probes where they take more than `probes.budget`.

    As often as it takes by what was measured, three times at once at most. Judged over at least
    500 steps, 30 seconds and 4 measurements since the start or the last doubling, evaluations and
    the start's first measurement left out. Every interval is multiplied by `factor`; a resumed run
    reads it from the run's events and goes on with it.
    """

    def __init__(self, run: Run, first: int, device: torch.device) -> None:
        self._share = run.config.probes.budget / 100
        self._every = run.config.probes.every
        self._cuda = device.type == "cuda"
        self.factor = stretched(run.events, first) if first else 1
        self._warm = False
        self._begun: tuple[int, float] | None = None
        self._spent, self._times = 0.0, 0

    def due(self, step: int, every: int) -> bool:
        """Whether what is measured every so many steps (0: never) is measured at this one."""
        return every > 0 and step % (every * self.factor) == 0

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """What is done inside counts as probing; a GPU's earlier work is waited for."""
        if self._cuda:
            torch.cuda.synchronize()
        began = time.perf_counter()
        yield
        self._spent += time.perf_counter() - began

    def measured(self, state: TrainingState) -> Event | None:
        """A measurement is done: the note that intervals have doubled, or None."""
        now = state.stopwatch.seconds - state.pace.spent
        if not self._warm or self._begun is None:
            self._warm = True
            self._restart(state.step, now)
            return None
        self._times += 1
        steps, seconds = state.step - self._begun[0], now - self._begun[1]
        if not self._share or steps < STEPS or seconds < SECONDS or self._times < TIMES:
            return None
        share = self._spent / max(seconds - self._spent, 1e-9)
        if share <= self._share:
            self._restart(state.step, now)
            return None
        self.factor *= 2 ** min(math.ceil(math.log2(share / self._share)), DOUBLINGS)
        self._restart(state.step, now)
        text = Message(
            "Probes took {share:.1f} % of the time of a step, more than the {budget:g} % of"
            " probes.budget: from here on all their intervals are {factor} times as long,"
            " activation statistics every {every:,} steps.",
            share=100 * share,
            budget=100 * self._share,
            factor=self.factor,
            every=self._every * self.factor,
        )
        note = {"kind": "alarm", "name": NAME, "step": state.step, "text": text, "level": "note"}
        return note | {FIELD: self.factor} | said(text)

    def _restart(self, step: int, seconds: float) -> None:
        self._begun, self._spent, self._times = (step, seconds), 0.0, 0
