"""Checkpoints at intervals and at the end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from core.runs import Run
from core.training import checkpoints
from core.training.disk import Disk
from core.training.hooks.hook import Flush, Hook, is_due
from core.training.state import TrainingState

# What writes the checkpoint of a state, given its folder and its progress.
Writer = Callable[[TrainingState], Callable[[Path, checkpoints.Progress], object]]


class KeepCheckpoints(Hook):
    """Writes what a bit-exact resume needs, at intervals and at the end."""

    def __init__(self, run: Run, disk: Disk, flush: Flush, writer: Writer) -> None:
        self._run, self._disk, self._flush, self._writer = run, disk, flush, writer

    def write(self, state: TrainingState) -> None:
        """The checkpoint of this step, where it is not there yet; the training waits for it."""
        if state.step not in self._run.checkpoints:
            progress = checkpoints.Progress(state.step, state.stopwatch.seconds)
            folder = self._run.path / "checkpoints"
            write = partial(self._writer(state), folder, progress)
            self._disk.now(write, checkpoints.size(state.model, state.optimizer))

    def on_step_end(self, state: TrainingState) -> None:
        training = self._run.config.training
        if is_due(state.step, training.checkpoint_every) and state.step < training.steps:
            self._flush()
            if state.diverged_at is None:  # the weights of a diverged run resume nothing
                self.write(state)

    def on_finish(self, state: TrainingState) -> None:
        self.write(state)
