"""Runs that are trained in the test's own process, and a control that says when to stop."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core.config import RunConfig
from core.runs import Run, RunStore
from core.runs.status import Command, Order
from core.training.control import NullControl
from core.training.trainer import Trainer


class Script(NullControl):
    """A control that gives its orders when the trainer asks for the n-th time, from 0."""

    def __init__(self, orders: Mapping[int, Command | Order]) -> None:
        super().__init__(1)
        self._orders, self._asked = orders, -1
        self.left = 0

    def commands(self) -> list[Order]:
        self._asked += 1
        if self._asked not in self._orders:
            return []
        order = self._orders[self._asked]
        return [order if isinstance(order, Order) else Order(order)]

    def leave(self) -> None:
        self.left += 1


def train(store: RunStore, config: RunConfig, control: NullControl | None = None) -> Run:
    """A new run, to its end or to where the control stops it."""
    run = store.create(config)
    Trainer(run, control or NullControl()).train()
    return run


def losses(run: Run, name: str = "loss/train") -> np.ndarray:
    """A metric of every step or layer."""
    return run.series(name)[1]
