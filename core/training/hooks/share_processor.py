"""The threads of a job, which change as other jobs come and go."""

from __future__ import annotations

from functools import partial

import torch

from core.runs import Run
from core.training.control import RunControl
from core.training.disk import Disk
from core.training.hooks.hook import Hook, Rows
from core.training.state import TrainingState


class ShareProcessor(Hook):
    """Takes the number of threads that this job may use now; each change is an event."""

    def __init__(self, run: Run, disk: Disk, control: RunControl) -> None:
        self._run, self._disk, self._control = run, disk, control
        self.threads = 0
        self._take()

    def on_flush(self, state: TrainingState, rows: Rows | None) -> None:
        if self._take():
            tell = partial(self._run.add_event, "threads", state.step, threads=self.threads)
            self._disk.later(tell)

    def _take(self) -> bool:
        wish = self._run.config.training.threads
        threads = self._control.threads() if wish == "auto" else wish
        changed = threads != self.threads
        if changed:
            torch.set_num_threads(threads)
            self.threads = threads
        return changed
