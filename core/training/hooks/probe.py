"""What is measured on the probe text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from core.probes import of_trace, skip_paths, snapshot_patterns
from core.probes.gradients import UpdateRatios
from core.runs import Run
from core.runs.snapshots import due as snapshot_due
from core.training.budget import ProbeBudget
from core.training.disk import Disk
from core.training.hooks.evaluate import evaluating
from core.training.hooks.hook import Hook
from core.training.metric_log import MetricLog
from core.training.objectives import Task
from core.training.state import TrainingState


class Probe(Hook):
    """Statistics of the probe at θ_s, its attention where a snapshot is due, and update ratios."""

    def __init__(
        self,
        run: Run,
        task: Task,
        disk: Disk,
        log: MetricLog,
        device: torch.device,
        ratios: Callable[[], UpdateRatios],
        budget: ProbeBudget,
    ) -> None:
        self._run, self._task, self._log, self._device = run, task, log, device
        self._disk, self._budget = disk, budget
        self._probes = run.config.probes
        self._precision = run.config.training.precision
        self._new_ratios, self._ratios = ratios, ratios()
        self._found: dict[str, Tensor] | None = None

    def on_rewired(self, state: TrainingState) -> None:
        self._ratios = self._new_ratios()

    def on_backward(self, state: TrainingState) -> None:
        self._found = None
        if not self._budget.due(state.step, self._probes.every):
            return
        with self._budget.measuring():
            with skip_paths.watched(state.model) as paths:
                trace = self._trace(state)
            if self._snapshot_due(state.step // self._probes.every):
                self._snapshot(state, trace)
            self._found = of_trace.measure(trace) | skip_paths.sizes(paths)
            self._ratios.before()

    def on_update(self, state: TrainingState) -> None:
        if self._found is None:
            return
        with self._budget.measuring():
            found = in_one_copy(self._found | self._ratios.measure())
        self._log.one("probe", state.step, state.stopwatch.seconds, found)
        if note := self._budget.measured(state):
            self._log.event(note)

    def _snapshot_due(self, probe: int) -> bool:
        """Whether a snapshot is due at this multiple of `probes.every`, or was at one of those
        that a stretched interval has left out before it."""
        left_out = range(max(probe - self._budget.factor + 1, 0), probe + 1)
        return any(snapshot_due(one) for one in left_out)

    def on_finish(self, state: TrainingState) -> None:
        self._snapshot(state, self._trace(state))

    def _trace(self, state: TrainingState) -> dict[str, Tensor]:
        with evaluating(state.model, self._precision, self._device):
            return state.model.trace(self._task.probe)  # type: ignore[operator, no-any-return]

    def _snapshot(self, state: TrainingState, trace: dict[str, Tensor]) -> None:
        if self._probes.attention and snapshot_patterns.present(trace):
            pattern = snapshot_patterns.patterns(trace)
            write = partial(self._run.snapshots.write, state.step, pattern, state.wiring.causal)
            self._disk.later(write, pattern.nbytes)


def in_one_copy(found: dict[str, Tensor]) -> dict[str, Any]:
    """Tensors of the device as numbers and (L,) arrays: one synchronisation for all."""
    flat = torch.cat([v.detach().float().reshape(-1) for v in found.values()]).cpu().numpy()
    values, start = {}, 0
    for name, value in found.items():
        part = flat[start : start + value.numel()]
        values[name] = part if value.ndim else part[0]
        start += value.numel()
    return values
