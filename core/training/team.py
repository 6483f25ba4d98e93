"""What of a run's training concerns other processes: nothing, where it trains alone.

The trainer and its hooks ask a team. This one is a single process, as runs have it; one over
several devices is :mod:`core.training.leading`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from core.config import RunConfig
from core.probes.gradients import UpdateRatios
from core.runs import Run
from core.training import checkpoints
from core.training.control import RunControl
from core.training.devices import choose_device
from core.training.hooks.hook import Hook
from core.training.objectives import Task
from core.training.rewire import rewired
from core.training.start import resumed
from core.training.state import TrainingState
from core.training.step import Step


class Team:
    """One process."""

    size = 1  # processes

    def device(self, config: RunConfig) -> torch.device:
        """Where this process trains. Raises RunError."""
        return choose_device(config)

    def steered(self, control: RunControl) -> RunControl:
        """The control as the loop and its hooks see it."""
        return control

    def begin(
        self, run: Run, task: Task, device: torch.device, damaged: list[str]
    ) -> TrainingState:
        """The network and its optimizer where the run goes on; see :func:`start.resumed`."""
        return resumed(run, task, device, damaged)

    def about(self) -> dict[str, Any]:
        """What an event of a start says of the processes; nothing of a single one."""
        return {}

    def step(self, *told: Any) -> Step:
        """What takes steps; the arguments are those of :class:`Step`."""
        return Step(*told)

    def hooks(self) -> list[Hook]:
        """What it does around a step, after all other hooks."""
        return []

    def ratios(self, model: nn.Module) -> UpdateRatios:
        """What measures how far the optimizer moves the network."""
        return UpdateRatios(model)

    def rewire(
        self,
        state: TrainingState,
        build: Callable[[], nn.Module],
        build_optimizer: Callable[[nn.Module], torch.optim.Optimizer],
    ) -> None:
        """Replace the network by the one that `build` makes of `state.wiring`."""
        state.model, state.optimizer = rewired(state.model, state.optimizer, build, build_optimizer)

    def checkpoint(self, state: TrainingState) -> Callable[[Any, Any], object]:
        """What writes the checkpoint of this step, given its folder and its progress."""
        return partial(_written, state.model, state.optimizer)

    def end(self) -> None:
        """The run has ended, as it should."""


def _written(
    model: nn.Module, optimizer: torch.optim.Optimizer, folder: Any, progress: Any
) -> None:
    checkpoints.write(folder, progress, model, optimizer)
