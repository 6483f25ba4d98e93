"""The validation loss and a sample."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from core.runs import Run
from core.training.devices import precision
from core.training.hooks.hook import Flush, Hook, is_due
from core.training.metric_log import MetricLog
from core.training.objectives import Task
from core.training.state import TrainingState


class Evaluate(Hook):
    """Validation loss and a sample, at intervals, at the first step and at the last.

    At step 0, where it takes as long as twenty steps of a small network, it waits until the first
    point is on the disk.
    """

    def __init__(
        self, run: Run, task: Task, log: MetricLog, device: torch.device, flush: Flush
    ) -> None:
        self._training, self._first = run.config.training, run.first_step
        self._task, self._log, self._device, self._flush = task, log, device, flush

    def on_step_start(self, state: TrainingState) -> None:
        if state.step == 0 and not keeps_statistics(state.model):
            return
        if state.step in (self._first, self._training.steps) or is_due(
            state.step, self._training.evaluate_every
        ):
            self._evaluate(state)

    def on_measured(self, state: TrainingState) -> None:
        if state.step == 0 and not keeps_statistics(state.model):
            self._flush()
            self._evaluate(state)

    def _evaluate(self, state: TrainingState) -> None:
        began = state.stopwatch.seconds
        with evaluating(state.model, self._training.precision, self._device):
            measured = self._task.evaluate(state.model)
            text = self._task.sample(state.model)
        state.pace.evaluated(state.stopwatch.seconds - began)
        self._log.one("evaluation", state.step, state.stopwatch.seconds, measured)
        if text is not None:
            self._log.event({"kind": "sample", "step": state.step, "text": text})


@contextlib.contextmanager
def evaluating(model: nn.Module, wish: str, device: torch.device) -> Iterator[None]:
    """Without gradients, dropout or a change of any random state."""
    model.eval()
    try:
        with torch.no_grad(), precision(wish, device):
            yield
    finally:
        model.train()


def keeps_statistics(model: nn.Module) -> bool:
    """Whether reading a batch changes what an evaluation sees, as BatchNorm's running mean does."""
    return any(name.endswith("running_mean") for name, _ in model.named_buffers())
