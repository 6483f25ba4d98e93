"""Checkpoints at intervals and at the end."""

from __future__ import annotations

from functools import partial

from core.runs import Run
from core.training import checkpoints
from core.training.disk import Disk
from core.training.hooks.hook import Flush, Hook, is_due
from core.training.state import TrainingState


class KeepCheckpoints(Hook):
    """Writes what a bit-exact resume needs, at intervals and at the end."""

    def __init__(self, run: Run, disk: Disk, flush: Flush) -> None:
        self._run, self._disk, self._flush = run, disk, flush

    def write(self, state: TrainingState) -> None:
        """The checkpoint of this step, where it is not there yet; the training waits for it."""
        if state.step not in self._run.checkpoints:
            progress = checkpoints.Progress(state.step, state.stopwatch.seconds)
            folder = self._run.path / "checkpoints"
            write = partial(checkpoints.write, folder, progress, state.model, state.optimizer)
            self._disk.now(write, checkpoints.size(state.model, state.optimizer))

    def on_step_end(self, state: TrainingState) -> None:
        training = self._run.config.training
        if is_due(state.step, training.checkpoint_every) and state.step < training.steps:
            self._flush()
            if state.diverged_at is None:  # the weights of a diverged run resume nothing
                self.write(state)

    def on_finish(self, state: TrainingState) -> None:
        self.write(state)
