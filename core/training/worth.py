"""Whether compiled steps are worth it in the rest of a run, and the process that measures it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from core.training import compile_worker
from core.training.compiling import Decision, Kind

# A measurement beside the training takes a processor for about half a minute.
MEASURED_AFTER = 15.0  # seconds of this start: most runs that are only tried have ended by then
WORTH_MEASURING = 120.0  # seconds that are left of the run
SHORTENED = 3.0  # compiled steps have to win so many times the seconds until they are ready
ASKED_AGAIN = 30.0  # seconds, where another process was measuring


class Worth:
    """What is known of a run's kinds of steps; one that nobody measured is measured beside it."""

    def __init__(self) -> None:
        self._known: dict[str, Decision] = {}
        self._worker: tuple[subprocess.Popen[str], Kind] | None = None
        self._began = self._asked = time.monotonic()
        self._may_measure = True

    def known(self, kind: Kind) -> Decision | None:
        """What was measured of a kind, as far as it was asked for before."""
        return self._known.get(kind.key)

    def pays(self, left: float, kind: Callable[[], Kind]) -> bool:
        """Whether compiled steps win back what they cost in the seconds that are left.

        Never waits: where nobody knows, a measurement is begun, and False until it has ended.
        """
        if self._worker is not None:
            self._look()
            return False
        if left <= WORTH_MEASURING and not self._known:
            return False
        steps = kind()
        decision = self._known.get(steps.key) or Decision.find(steps)
        if decision is not None:
            self._known[steps.key] = decision
            return left * decision.saved > SHORTENED * decision.ready
        soonest = max(self._began + MEASURED_AFTER, self._asked)
        if self._may_measure and left > WORTH_MEASURING and time.monotonic() > soonest:
            self._worker = compile_worker.start(steps), steps
        return False

    def _look(self) -> None:
        assert self._worker is not None
        worker, steps = self._worker
        status = worker.poll()
        if status is None:
            return
        self._worker = None
        found = Decision.find(steps)
        if found is not None:
            self._known[steps.key] = found
        elif status == compile_worker.BUSY:
            self._asked = time.monotonic() + ASKED_AGAIN
        else:
            self._may_measure = False  # it was killed, or its decision can't be kept: not again

    def end(self) -> None:
        """Nothing is measured any more."""
        if self._worker is not None:
            self._worker[0].kill()
            self._worker[0].wait()
            self._worker = None
