"""What an agent may train while its server runs: so many runs, steps and operations."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from core.config import RunConfig
from core.durations import step_work, vocabulary
from core.language import Message
from core.programs.agent_shapes import BudgetLeft
from core.runs import RunError

RUNS, STEPS = 8, 20_000  # of a server that was not told otherwise


class BudgetError(RunError):
    """What was asked for costs more than is left; nothing of it was started."""


def work(configs: Sequence[RunConfig], first: int = 0) -> tuple[int, int, float]:
    """Runs, steps and floating-point operations of these runs, which start at step `first`.

    Raises RunError where a corpus can't be read.
    """
    steps, flops = 0, 0.0
    for config in configs:
        letters, problem = vocabulary(config)
        if letters is None:
            raise RunError(problem)
        own = config.training.steps - first
        steps += own
        flops += own * step_work(config, letters)
    return len(configs), steps, flops


class Budget:
    """Counts down what is left of `runs`, `steps` and `flops` (None: not counted).

    What was started is counted as a whole, whatever becomes of it.
    """

    def __init__(self, runs: int = RUNS, steps: int = STEPS, flops: float | None = None) -> None:
        self._left: list[float] = [runs, steps, float("inf") if flops is None else flops]
        self._lock = threading.Lock()

    def take(self, asked: tuple[int, int, float]) -> None:
        """Count this off. Raises BudgetError where it is more than is left, and counts nothing."""
        with self._lock:
            for name, wanted, there in zip(UNITS, asked, self._left, strict=True):
                if wanted > there:
                    raise BudgetError(
                        Message(
                            "this needs {wanted} {unit}, and {there} are left of the budget; ask"
                            " for less, or restart the server with a larger --budget-{unit}",
                            wanted=_number(wanted),
                            there=_number(there),
                            unit=name,
                        )
                    )
            self._left = [there - wanted for there, wanted in zip(self._left, asked, strict=True)]

    def give_back(self, asked: tuple[int, int, float]) -> None:
        """Of what could not be started after all."""
        with self._lock:
            self._left = [there + wanted for there, wanted in zip(self._left, asked, strict=True)]

    @property
    def left(self) -> BudgetLeft:
        """What is left."""
        runs, steps, flops = self._left
        known = None if flops == float("inf") else flops
        return {"runs": int(runs), "steps": int(steps), "flops": known}


UNITS = ("runs", "steps", "flops")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value < 1e7 else f"{value:.2g}"
