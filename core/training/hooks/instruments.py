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
from core.runs.budget import EXAMPLES, NOISE_BATCHES
from core.training.budget import ProbeBudget
from core.training.devices import precision, to_device
from core.training.hooks.hook import Hook
from core.training.hooks.probe import in_one_copy
from core.training.metric_log import MetricLog
from core.training.objectives import Batch, Task
from core.training.optimizers import learning_rate
from core.training.state import TrainingState

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
            ("noise", probes.noise_every, gradient_noise),
            ("hessian", probes.hessian_every, hessian),
        ):
            if not self._budget.due(state.step, every):
                continue
            told = self._task, self._config, self._device, state.step
            with self._budget.measuring(), still(state.model):
                found = in_one_copy(measure(state.model, *told))
            self._log.one(cadence, state.step, state.stopwatch.seconds, found)
            if note := self._budget.measured(state):
                self._log.event(note)


def gradient_noise(
    model: nn.Module, task: Task, config: RunConfig, device: torch.device, step: int
) -> dict[str, Tensor]:
    """:func:`core.probes.noise.noise_scale` of a network in evaluation mode, on four batches that
    no step of the training reads, in up to four parts each."""
    batches = [task.batch(BEYOND + NOISE_BATCHES * step + i) for i in range(NOISE_BATCHES)]
    size = len(batches[0].inputs)
    parts = math.gcd(size, NOISE_BATCHES)
    parameters = [p for p in model.parameters() if p.requires_grad]

    def gradients() -> Iterator[tuple[Tensor, ...]]:
        for batch in batches:
            for part in batch.parts(parts):
                loss = _loss(model, part, task, config, device)
                yield torch.autograd.grad(loss, parameters, materialize_grads=True)

    return noise_scale(gradients(), size // parts)


def hessian(
    model: nn.Module, task: Task, config: RunConfig, device: torch.device, step: int
) -> dict[str, Tensor]:
    """`hessian/largest` of the loss of up to 16 examples of the step's batch, of a network in
    evaluation mode, and `hessian/stable`, 2 over the learning rate (Cohen et al. 2021,
    arXiv 2103.00065): above it plain gradient descent leaves the valley."""
    batch = task.batch(step)
    part = Batch(batch.inputs[:EXAMPLES], batch.targets[:EXAMPLES])
    parameters = [p for p in model.parameters() if p.requires_grad]
    random = torch.Generator().manual_seed(config.training.seed)
    many = sum(p.numel() for p in parameters)
    start = torch.randn(many, generator=random).to(device)
    # The path that shows attention's pattern can be differentiated twice, the fused one can't.
    loss = _loss(model, part, task, config, device, shown=True)
    value = largest_eigenvalue(product(loss, parameters), start)
    rate = learning_rate(config.optimizer, step, config.training.steps)
    return {"hessian/largest": value, "hessian/stable": value.new_tensor(2 / rate)}


def _loss(
    model: nn.Module,
    part: Batch,
    task: Task,
    config: RunConfig,
    device: torch.device,
    shown: bool = False,
) -> Tensor:
    inputs, targets = (to_device(one, device) for one in (part.inputs, part.targets))
    with torch.enable_grad(), precision(config.training.precision, device):
        logits = model(inputs, _seen) if shown else model(inputs)
        return task.loss(logits, targets)


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
