"""What is measured with gradients of its own: the noise scale and the Hessian."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from core.config import RunConfig
from core.probes.hessian import largest_eigenvalue, product
from core.probes.noise import noise_scale
from core.training.budget import ProbeBudget
from core.training.devices import precision, to_device
from core.training.hooks.hook import Hook
from core.training.hooks.probe import in_one_copy
from core.training.metric_log import MetricLog
from core.training.objectives import Batch, Task
from core.training.optimizers import learning_rate
from core.training.state import TrainingState

BATCHES = 4  # that the noise scale reads, each in up to as many parts
EXAMPLES = 16  # of the batch, whose loss the Hessian is of
# Steps beyond those of any run: their batches are nobody's.
BEYOND = 2**40


class Instruments(Hook):
    """The gradient noise scale and the largest Hessian eigenvalue, at intervals of their own.

    Both are of the network θ_s without dropout. They read gradients that they compute themselves,
    so `.grad`, the random states and the batches of the training stay as they are.
    """

    def __init__(
        self,
        config: RunConfig,
        task: Task,
        log: MetricLog,
        device: torch.device,
        budget: ProbeBudget,
    ) -> None:
        self._config, self._task, self._log = config, task, log
        self._device, self._budget = device, budget

    def on_backward(self, state: TrainingState) -> None:
        probes = self._config.probes
        for cadence, every, measure in (
            ("noise", probes.noise_every, self._noise),
            ("hessian", probes.hessian_every, self._hessian),
        ):
            if not self._budget.due(state.step, every):
                continue
            with self._budget.measuring(), still(state.model):
                found = in_one_copy(measure(state))
            self._log.one(cadence, state.step, state.stopwatch.seconds, found)
            if note := self._budget.measured(state):
                self._log.event(note)

    def _noise(self, state: TrainingState) -> dict[str, Tensor]:
        batches = [self._task.batch(self._beyond(state.step) + i) for i in range(BATCHES)]
        size = len(batches[0].inputs)
        parts = math.gcd(size, BATCHES)
        parameters = [p for p in state.model.parameters() if p.requires_grad]

        def gradients() -> Iterator[tuple[Tensor, ...]]:
            for batch in batches:
                for part in batch.parts(parts):
                    loss = self._loss(state.model, part)
                    yield torch.autograd.grad(loss, parameters, materialize_grads=True)

        return noise_scale(gradients(), size // parts)

    def _beyond(self, step: int) -> int:
        return BEYOND + BATCHES * step

    def _hessian(self, state: TrainingState) -> dict[str, Tensor]:
        batch = self._task.batch(state.step)
        part = Batch(batch.inputs[:EXAMPLES], batch.targets[:EXAMPLES])
        parameters = [p for p in state.model.parameters() if p.requires_grad]
        random = torch.Generator().manual_seed(self._config.training.seed)
        many = sum(p.numel() for p in parameters)
        start = torch.randn(many, generator=random).to(self._device)
        # The path that shows attention's pattern can be differentiated twice, the fused one can't.
        loss = self._loss(state.model, part, shown=True)
        value = largest_eigenvalue(product(loss, parameters), start)
        rate = learning_rate(self._config.optimizer, state.step, self._config.training.steps)
        return {"hessian/largest": value, "hessian/stable": value.new_tensor(2 / rate)}

    def _loss(self, model: nn.Module, part: Batch, shown: bool = False) -> Tensor:
        inputs, targets = (to_device(one, self._device) for one in (part.inputs, part.targets))
        with torch.enable_grad(), precision(self._config.training.precision, self._device):
            logits = model(inputs, _seen) if shown else model(inputs)
            return self._task.loss(logits, targets)


def _seen(name: str, tensor: Tensor) -> Tensor:
    """An observer that keeps nothing."""
    return tensor


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Evaluation mode: no dropout, no running statistics changed, nothing computed again."""
    model.eval()
    try:
        yield
    finally:
        model.train()
