"""What steers a training loop from outside: commands, a slot to work in, processor threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Protocol

from core.runs.status import Order


class Mode(Enum):
    """What the loop does next; one at a time."""

    RUN = auto()
    STEP = auto()  # one step, then HELD
    PAUSED = auto()  # by a command: a checkpoint is written
    HELD = auto()  # after a single step, which is cheaper to repeat than to keep
    STOPPING = auto()

    @property
    def waits(self) -> bool:
        """Whether no step is taken until another command comes."""
        return self in (Mode.PAUSED, Mode.HELD)


class RunControl(Protocol):
    """The loop's side of pause, resume, stop and step, and of sharing the machine."""

    def commands(self) -> list[Order]:
        """Commands that came since the last call, oldest first."""

    def threads(self) -> int:
        """Processor threads that this job may use now."""

    def leave(self) -> None:
        """Give the slot back while paused."""

    def enter(self) -> bool:
        """Try to take a slot again; True when it was taken."""

    def wait(self) -> None:
        """Sleep, after :meth:`leave`, until a command or a slot may have come."""


class NullControl:
    """No commands come and no other job works here: for tests and for measuring."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    def commands(self) -> list[Order]:
        """Always empty."""
        return []

    def threads(self) -> int:
        """The number that it was made with."""
        return self._threads

    def leave(self) -> None:
        """Does nothing: it holds no slot."""

    def enter(self) -> bool:
        """Always True."""
        return True

    def wait(self) -> None:
        """A moment, for controls in tests that send commands of their own."""
        time.sleep(0.01)


class Steering:
    """Turns commands into a mode. A `switch` command does not change it and goes to `on_switch`.

    `pending` came before there was a loop to obey them.
    """

    def __init__(
        self,
        control: RunControl,
        on_switch: Callable[[str], None],
        pending: Sequence[Order] = (),
    ) -> None:
        self.mode, self._pending = Mode.RUN, [*pending]
        self._control, self._on_switch = control, on_switch

    def poll(self) -> Mode:
        """Obey the commands that have come. Once stopping, a loop goes on to stop."""
        modes = {"pause": Mode.PAUSED, "resume": Mode.RUN, "step": Mode.STEP}
        pending, self._pending = self._pending, []
        for order in (*pending, *self._control.commands()):
            if order.command == "switch":
                self._on_switch(order.text)
            elif order.command == "stop":
                self.mode = Mode.STOPPING
            elif self.mode is not Mode.STOPPING:
                self.mode = modes[order.command]
        return self.mode

    def stepped(self) -> None:
        """Note that a step was taken: after a single one the loop is held."""
        if self.mode is Mode.STEP:
            self.mode = Mode.HELD
