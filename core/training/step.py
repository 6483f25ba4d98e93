"""One update of the network: θ_s to θ_{s+1}, and what is measured of θ_s on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from core.config import RunConfig
from core.probes.gradients import GradientNorms
from core.training.devices import precision, to_device
from core.training.hooks import Hook
from core.training.metric_log import MetricLog
from core.training.objectives import Batch, Task
from core.training.optimizers import learning_rate
from core.training.state import TrainingState

LossOf = Callable[[nn.Module, Tensor, Tensor], Tensor]  # network, inputs and targets -> ()


class Step:
    """Takes steps on a device, writes a row of each into the log and calls the hooks.

    `batch` makes the batch of a step and `loss` computes the mean loss of a part of one, the plain
    way unless others are set.
    """

    def __init__(
        self,
        config: RunConfig,
        task: Task,
        device: torch.device,
        log: MetricLog,
        hooks: Sequence[Hook],
        model: nn.Module,
    ) -> None:
        self._config, self._task, self._device = config, task, device
        self._log, self._hooks = log, hooks
        self._norms = self._gradient_norms(model)
        self.batch: Callable[[int], Batch] = task.batch
        self.loss: LossOf = lambda model, inputs, targets: task.loss(model(inputs), targets)
        self._rate = config.optimizer.learning_rate

    def rewired(self, model: nn.Module) -> None:
        """Another network is trained from now on."""
        self._norms = self._gradient_norms(model)

    def take(self, state: TrainingState) -> None:
        """The step `state.step`, which is one more afterwards."""
        started = time.perf_counter()
        batch = self.begin(state)
        self.measured(state, batch, self._backward(state.model, batch), started)
        started = time.perf_counter()
        for hook in self._hooks:
            hook.on_backward(state)
        state.optimizer.step()
        for hook in self._hooks:
            hook.on_update(state)
        state.optimizer.zero_grad(set_to_none=True)
        self.ended(state, started)

    def begin(self, state: TrainingState) -> Batch:
        """The batch of the step `state.step`, whose learning rate the optimizer has then."""
        self._rate = learning_rate(self._config.optimizer, state.step, self._config.training.steps)
        for group in state.optimizer.param_groups:
            group["lr"] = self._rate
        return self.batch(state.step)

    def measured(self, state: TrainingState, batch: Batch, loss: Tensor, started: float) -> None:
        """The row of the step, now that the network has its gradients of this loss, () float64."""
        config = self._config
        measured, columns = [loss[None]], {"loss/train": 0}
        if self._norms is not None:
            norms = self._norms.measure()
            if config.optimizer.clip > 0:
                scale = self._norms.clipping(norms, config.optimizer.clip)
                state.optimizer.grad_scale = scale  # type: ignore[attr-defined]
            if config.probes.every > 0:
                measured.append(norms)
                columns |= self._norms.columns
        row = {
            "step": state.step,
            "seconds": state.stopwatch.seconds,
            "loss/unigram": self._task.baseline(batch.targets),
            "learning_rate": self._rate,
        }
        self._log.add(row, torch.cat(measured), columns, time.perf_counter() - started)
        for hook in self._hooks:
            hook.on_measured(state)

    def ended(self, state: TrainingState, started: float) -> None:
        """Count the step, whose update began then."""
        state.step += 1
        self._log.took(time.perf_counter() - started)

    def _backward(self, model: nn.Module, batch: Batch) -> Tensor:
        """The gradients of the batch's mean loss, added up part by part; that loss, () float64."""
        training = self._config.training
        losses = []
        for part in batch.parts(training.accumulate):
            inputs, targets = (to_device(one, self._device) for one in part)
            with precision(training.precision, self._device):
                loss = self.loss(model, inputs, targets)
            (loss / training.accumulate).backward()
            losses.append(loss.detach().double())
        return torch.stack(losses).mean()

    def _gradient_norms(self, model: nn.Module) -> GradientNorms | None:
        # Clipping needs the whole norm in any case, and the same one with probes and without.
        needed = self._config.probes.every > 0 or self._config.optimizer.clip > 0
        return GradientNorms(model) if needed else None
