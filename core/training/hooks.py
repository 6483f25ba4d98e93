"""What happens around a training step, one job a hook.

The loop calls each hook, in the order of its list, at these moments of step s:

    on_step_start   before the batch of step s; the network is θ_s
    on_backward     θ_s has its gradients, the optimizer has not moved yet
    on_update       the network is θ_{s+1}; gradients are still there
    on_step_end     `state.step` is s + 1
    on_rewired      the network was replaced by one with another wiring
    on_flush        rows were written; it came to this by time, or because a hook asked for it
    on_finish       the last step is done
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core import memory
from core.config import Switch
from core.config.overrides import parse
from core.probes import of_trace, snapshot_patterns
from core.probes.alarms import first_not_finite
from core.probes.gradients import UpdateRatios
from core.runs import Run, Status
from core.runs.snapshots import due as snapshot_due
from core.runs.status import State
from core.training import checkpoints
from core.training.control import RunControl
from core.training.devices import precision
from core.training.disk import Disk
from core.training.metric_log import MetricLog
from core.training.objectives import Task
from core.training.optimizers import build_optimizer
from core.training.rewire import rewired
from core.training.state import TrainingState

Rows = dict[str, np.ndarray]
Flush = Callable[[], None]
Watch = Callable[[Status], None]


class Hook:
    """Does nothing at any moment; a hook overrides those that it is about."""

    def on_step_start(self, state: TrainingState) -> None:
        """Before the batch is read."""

    def on_backward(self, state: TrainingState) -> None:
        """Between the gradients and the update."""

    def on_update(self, state: TrainingState) -> None:
        """After the update."""

    def on_step_end(self, state: TrainingState) -> None:
        """After the step was counted."""

    def on_rewired(self, state: TrainingState) -> None:
        """After the network was replaced."""

    def on_flush(self, state: TrainingState, rows: Rows | None) -> None:
        """After a flush; `rows` are those of the steps, None where there were none."""

    def on_finish(self, state: TrainingState) -> None:
        """After the last step."""


class Rewire(Hook):
    """Turns what is scheduled, or was asked for by hand, for this very step."""

    def __init__(
        self,
        run: Run,
        task: Task,
        disk: Disk,
        flush: Flush,
        replaced: Callable[[], None],
    ) -> None:
        self._run, self._task, self._flush, self._replaced = run, task, flush, replaced
        self._disk = disk
        self._switches = run.switches

    def plan(self, step: int, text: str) -> None:
        """Write a switch down for the next step; one that can't be built is only noted."""
        model = self._run.model_at(step + 1)
        try:
            for one in parse(text):
                switch = Switch(step=step, **one)
                model = model.switched(switch.override)
                self._run.add_switch(switch)
        except (ValueError, OSError) as error:
            text = f"a switch was refused: {getattr(error, 'strerror', None) or error}"
            self._disk.later(partial(self._run.add_event, "note", step, text=text))
        self._switches = self._run.switches

    def on_step_start(self, state: TrainingState) -> None:
        config = self._run.config
        due = [switch for switch in self._switches if switch.step == state.step]
        if not due or state.step == config.training.steps:
            return
        self._flush()
        for switch in due:
            state.wiring = state.wiring.switched(switch.override)
            state.model, state.optimizer = rewired(
                state.model,
                state.optimizer,
                lambda: self._task.build(state.wiring),
                lambda model: build_optimizer(model, config.optimizer),
            )
            told = partial(self._run.add_event, "switch", state.step, text=switch.words)
            self._disk.later(partial(told, **switch.changes))
        self._replaced()


class Evaluate(Hook):
    """Validation loss and a sample, at intervals, at the first step and at the last.

    At step 0, where it takes as long as twenty steps of a small network, it waits until the first
    point is on the disk; see :meth:`first`.
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

    def first(self, state: TrainingState) -> None:
        """θ_0, which has its gradients but has not moved yet; its row is written before."""
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


class Probe(Hook):
    """Statistics of the probe at θ_s, its attention where a snapshot is due, and update ratios."""

    def __init__(
        self,
        run: Run,
        task: Task,
        disk: Disk,
        log: MetricLog,
        device: torch.device,
        model: nn.Module,
    ) -> None:
        self._run, self._task, self._log, self._device = run, task, log, device
        self._disk = disk
        self._probes = run.config.probes
        self._precision = run.config.training.precision
        self._ratios = UpdateRatios(model)
        self._found: dict[str, Tensor] | None = None

    def on_rewired(self, state: TrainingState) -> None:
        self._ratios = UpdateRatios(state.model)

    def on_backward(self, state: TrainingState) -> None:
        self._found = None
        if state.step % self._probes.every:
            return
        trace = self._trace(state)
        if snapshot_due(state.step // self._probes.every):
            self._snapshot(state, trace)
        self._found = of_trace.measure(trace)
        self._ratios.before()

    def on_update(self, state: TrainingState) -> None:
        if self._found is None:
            return
        found = self._found | self._ratios.measure()
        self._log.one("probe", state.step, state.stopwatch.seconds, in_one_copy(found))

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


class Divergence(Hook):
    """Marks the step at which the loss or the gradient stopped being finite."""

    def on_flush(self, state: TrainingState, rows: Rows | None) -> None:
        if rows is not None and state.diverged_at is None:
            at = first_not_finite(rows)
            state.diverged_at = None if at is None else int(rows["step"][at])


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


class ReportStatus(Hook):
    """Keeps `status.json` true, and tells who watches."""

    SECONDS = 1.0  # between two writes of a state that did not change

    def __init__(self, run: Run, disk: Disk, device: torch.device, watch: Watch) -> None:
        self._run, self._disk, self._watch, self._written = run, disk, watch, 0.0
        self._speed: float | None = None
        self._status = Status(
            step=run.record.step,  # until the checkpoint says where it goes on
            steps=run.config.training.steps,
            device=device.type,
            pid=os.getpid(),
        )

    def become(self, state: State, **changes: Any) -> None:
        """Another state; it is written when this returns."""
        self._disk.now(partial(self._run.write_status, self._become(state=state, **changes)))
        self._watch(self._status)

    def tell(self, state: State, step: int, message: str) -> None:
        """Another state, with a sentence that goes with it, on a disk where nothing else can be
        written; where this can't be either, it is left."""
        status = self._become(state=state, step=step).model_copy(update={"message": message})
        with contextlib.suppress(OSError):
            self._run.write_status(status)
        self._watch(status)

    def say(self, message: str) -> None:
        """Whatever becomes of the run, its message is this from now on."""
        self._status = self._status.model_copy(update={"message": message})

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


def in_one_copy(found: dict[str, Tensor]) -> dict[str, Any]:
    """Tensors of the device as numbers and (L,) arrays: one synchronisation for all."""
    flat = torch.cat([v.detach().float().reshape(-1) for v in found.values()]).cpu().numpy()
    values, start = {}, 0
    for name, value in found.items():
        part = flat[start : start + value.numel()]
        values[name] = part if value.ndim else part[0]
        start += value.numel()
    return values


def is_due(step: int, every: int) -> bool:
    """Whether something that happens every so many steps, 0 for never, happens now."""
    return every > 0 and step % every == 0
