"""What a trainer asks of the world around it: commands, a place to work, threads."""

from __future__ import annotations

import time
from typing import Protocol

from core.runs.status import Order


class Desk(Protocol):
    """The trainer's side of pause, resume, stop and step, and of sharing the machine."""

    def commands(self) -> list[Order]:
        """Commands that came since the last call, oldest first."""

    def threads(self) -> int:
        """Processor threads that this job may use now."""

    def leave(self) -> None:
        """Give the place back while paused."""

    def enter(self) -> bool:
        """Try to take a place again; True when there."""


class NoDesk:
    """Nobody commands and nobody else works: for tests and for measuring."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    def commands(self) -> list[Order]:
        """Never any."""
        return []

    def threads(self) -> int:
        """What it was made with."""
        return self._threads

    def leave(self) -> None:
        """Nothing to give back."""

    def enter(self) -> bool:
        """Always there."""
        return True


class Clock:
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
