"""Where the loop stands still, and another job has its slot: paused, or on a full disk."""

from __future__ import annotations

from core.language import Message
from core.training.control import Mode, RunControl, Steering
from core.training.disk import Disk
from core.training.hooks import ReportStatus
from core.training.state import TrainingState


class NoRoomError(Exception):
    """The run was asked to stop while it waited for room on a full disk."""


class Pauses:
    """Stands still with the stopwatch stopped and the slot free, until it may go on."""

    def __init__(
        self,
        state: TrainingState,
        control: RunControl,
        steering: Steering,
        report: ReportStatus,
        disk: Disk,
    ) -> None:
        self._state, self._control, self._steering = state, control, steering
        self._report, self._disk = report, disk

    def until_told(self) -> Mode:
        """Until a command says to go on and a slot is free, or a command says to stop."""
        self.begin()
        while not self.over():
            self._control.wait()
        return self._steering.mode

    def begin(self) -> None:
        """Stand still from now on."""
        self._leave()
        self._report.become("paused", step=self._state.step)

    def over(self) -> bool:
        """Whether a command has come that ends the pause, and a slot is free to go on in."""
        mode = self._steering.poll()
        if mode is not Mode.STOPPING:
            if mode.waits or not self._control.enter():
                return False
            self._report.become("running")
        self._state.stopwatch.start()
        return True

    def until_room(self) -> None:
        """The disk is full: what is to be written waits in memory, and the run until there is room.

        Raises NoRoomError where it is asked to stop.
        """
        self._leave()
        needed = in_megabytes(self._disk.waiting)
        self._report.tell(
            "paused",
            self._state.step,
            Message(
                "the disk is full: free {needed} MB; it goes on by itself",
                needed=needed,
            ),
        )
        try:
            while self._disk.full or not self._control.enter():
                if self._steering.poll() is Mode.STOPPING:
                    self._disk.give_up()
                    raise NoRoomError
                self._control.wait()
        finally:
            self._state.stopwatch.start()
        self._report.become("running")

    def _leave(self) -> None:
        self._state.stopwatch.stop()
        self._control.leave()


def in_megabytes(size: int) -> str:
    """What has to be free for so many bytes, in whole MB and at least one."""
    return f"{-(-size // 2**20) + 1:,}"
