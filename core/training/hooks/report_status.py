"""What `status.json` says of a run that trains."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from core import memory
from core.runs import Run, Status
from core.runs.status import State
from core.training.disk import Disk
from core.training.hooks.hook import Hook, Rows
from core.training.state import TrainingState

Watch = Callable[[Status], None]


class ReportStatus(Hook):
    """Keeps `status.json` true, and tells who watches."""

    SECONDS = 1.0  # between two writes of a state that did not change

    def __init__(
        self, run: Run, disk: Disk, device: torch.device, watch: Watch, ranks: int = 1
    ) -> None:
        self._run, self._disk, self._watch, self._written = run, disk, watch, 0.0
        self._speed: float | None = None
        self._status = Status(
            step=run.record.step,  # until the checkpoint says where it goes on
            steps=run.config.training.steps,
            device=device.type,
            ranks=ranks,
            pid=os.getpid(),
        )

    def become(self, state: State, **changes: Any) -> None:
        """Change the state; it is on the disk when this returns."""
        self._disk.now(partial(self._run.write_status, self._become(state=state, **changes)))
        self._watch(self._status)

    def tell(self, state: State, step: int, message: str) -> None:
        """Change the state, with a sentence that goes with it, on a disk that may be full.

        Where it can't be written, only who watches is told.
        """
        status = self._become(state=state, step=step).model_copy(update={"message": message})
        with contextlib.suppress(OSError):
            self._run.write_status(status)
        self._watch(status)

    def say(self, message: str) -> None:
        """Set the message that goes with every state from now on; who watches is told at once."""
        if message == self._status.message:
            return
        now = self._become(message=message)
        self._disk.later(partial(self._run.write_status, now))
        self._watch(now)

    def on_flush(self, state: TrainingState, rows: Rows | None) -> None:
        if rows is not None:
            self._speed = float(rows["tokens_per_second"][-1])
        if state.step == self._status.step:  # step 0 is written while it is under way
            return
        state.pace.note(state.step, state.stopwatch.seconds)
        written = self._written
        now = self._become(
            step=state.step, tokens_per_second=self._speed, seconds_left=state.pace.left
        )
        if self._written - written > self.SECONDS:
            self._disk.later(partial(self._run.write_status, now))
        else:
            self._written = written
        self._watch(now)

    def _become(self, **changes: Any) -> Status:
        changes |= {"changed": time.time(), "oom_kills": memory.oom_kills()}
        now = self._status.model_copy(update=changes)
        if now.state not in ("running", "starting"):
            now = now.model_copy(update={"tokens_per_second": None, "seconds_left": None})
        self._status, self._written = now, time.perf_counter()
        return now
