"""Layers that change their wiring at a step of the training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from core.config import Switch
from core.config.overrides import parse
from core.language import Message, reason
from core.runs import Run
from core.training.disk import Disk
from core.training.hooks.hook import Flush, Hook
from core.training.objectives import Task
from core.training.optimizers import build_optimizer
from core.training.state import TrainingState

BuildOptimizer = Callable[[nn.Module], torch.optim.Optimizer]
# Puts the network that is built in the place of a state's own.
Replace = Callable[[TrainingState, Callable[[], nn.Module], BuildOptimizer], None]


class Rewire(Hook):
    """Switches layers at the step for which it was scheduled, or asked for by hand."""

    def __init__(
        self,
        run: Run,
        task: Task,
        disk: Disk,
        flush: Flush,
        replace: Replace,
        replaced: Callable[[], None],
    ) -> None:
        self._run, self._task, self._flush, self._replaced = run, task, flush, replaced
        self._disk, self._replace = disk, replace
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
            text = Message(
                "a switch was refused: {why}",
                why=reason(error) if isinstance(error, OSError) else error,
            )
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
            self._replace(
                state,
                lambda: self._task.build(state.wiring),
                lambda model: build_optimizer(model, config.optimizer),
            )
            told = partial(self._run.add_event, "switch", state.step, text=switch.words)
            self._disk.later(partial(told, layers=switch.layers, **switch.changes))
        self._replaced()
