"""How long a run has trained, and how long it still will."""

from __future__ import annotations

import time
from collections import deque


class Stopwatch:
    """Seconds of training, pauses left out, continued from a checkpoint."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._before = seconds
        self._started: float | None = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        running = 0.0 if self._started is None else time.perf_counter() - self._started
        return self._before + running

    def stop(self) -> None:
        """Stop counting."""
        self._before, self._started = self.seconds, None

    def start(self) -> None:
        """Count again."""
        if self._started is None:
            self._started = time.perf_counter()


class Pace:
    """How long the rest of a run takes: its newest steps, and its evaluations apart from them.

    The first step and the first evaluation of a start pay once for what torch puts off, so a step
    is measured from the second flush on, over the last ten seconds or the last forty slow steps.
    """

    FLUSHES = 40

    def __init__(self, steps: int, evaluate_every: int) -> None:
        self._steps, self._every = steps, evaluate_every
        # After each flush: the step, the seconds of training, of which so many for evaluations.
        self._marks: deque[tuple[int, float, float]] = deque(maxlen=self.FLUSHES)
        self._evaluations: list[float] = []
        self._spent = 0.0

    def evaluated(self, seconds: float) -> None:
        """Note the seconds that an evaluation took."""
        self._evaluations = [*self._evaluations[-8:], seconds]
        self._spent += seconds

    @property
    def spent(self) -> float:
        """Seconds of all evaluations so far."""
        return self._spent

    def note(self, step: int, seconds: float) -> None:
        """Note the steps done so far and the seconds of training, pauses left out."""
        self._marks.append((step, seconds, self._spent))

    @property
    def left(self) -> float | None:
        """Seconds to the end; None before the second flush, when no speed is known."""
        if len(self._marks) < 2:
            return None
        (first, began, before), (step, now, spent) = self._marks[0], self._marks[-1]
        each = max(now - began - (spent - before), 0.0) / max(step - first, 1)
        known = self._evaluations[1:] or self._evaluations
        evaluation = sum(known) / len(known) if known else 0.0
        # One at the end, and one at every multiple before it that is still to come.
        to_come = 1
        if self._every:
            to_come += (self._steps - 1) // self._every - (step - 1) // self._every
        return (self._steps - step) * each + to_come * evaluation
