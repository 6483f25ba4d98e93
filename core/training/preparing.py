"""A corpus that is prepared when a run begins: how far it is, and what is ordered meanwhile."""

from __future__ import annotations

import time

from core.language import Message
from core.runs.status import Order
from core.training.control import RunControl
from core.training.hooks import ReportStatus

SECONDS = 0.5  # between two looks


class StoppedEarlyError(Exception):
    """A run was told to stop before its first step."""


class Preparing:
    """Told how far a corpus is; it tells whoever watches the run, and obeys `stop`.

    `pending` are the other commands that came, which the loop obeys once it runs.
    """

    def __init__(self, report: ReportStatus, control: RunControl) -> None:
        self._report, self._control, self._looked = report, control, 0.0
        self.pending: list[Order] = []

    def __call__(self, share: float, doing: Message) -> None:
        """Raises StoppedEarlyError once the run was told to stop."""
        now = time.monotonic()
        if now - self._looked < SECONDS:
            return
        self._looked = now
        for order in self._control.commands():
            if order.command == "stop":
                raise StoppedEarlyError
            self.pending.append(order)
        self._report.say(Message("{doing} ({share:.0%})", doing=doing, share=share))
        self._report.become("starting")

    def done(self) -> None:
        """Say no more of it."""
        self._report.say(Message(""))
