"""What a tracker that is blocked costs a run: ``python -m tests.benchmarks.trackers [PAIRS]``.

One small run is trained again and again, in turns without a tracker and with one that answers
nothing for as long as the run lasts. Losses are compared to the last bit.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from unittest import mock

import numpy as np
import torch

from core.config import RunConfig
from core.runs import Run, RunStore
from core.trackers import sending
from core.trackers.chosen import VARIABLE
from core.trackers.tracker import Row
from core.training.control import NullControl
from core.training.trainer import Trainer

CONFIG = {
    "model.depth": 4,
    "training.steps": 300,
    "training.evaluate_every": 0,
    "training.checkpoint_every": 0,
    "training.threads": 1,
}


class Blocked:
    """A tracker whose program hangs until it is let go."""

    def __init__(self, let_go: threading.Event) -> None:
        self._let_go = let_go

    def log(self, rows: Sequence[Row]) -> None:
        self._let_go.wait()

    def end(self, state: str) -> None:
        pass


def measure(pairs: int = 8) -> dict[str, float]:
    """The median over pairs of the blocked run's time per step over the other's, their middle
    half, and how many pairs had the same losses to the last bit.
    """
    torch.set_num_threads(1)
    ratios, same = [], 0
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(folder)
        trained(store, blocked=False)  # the first one warms up
        for pair in range(pairs):
            first = pair % 2 == 0
            one, other = trained(store, first), trained(store, not first)
            held, free = (one, other) if first else (other, one)
            ratios.append(step_time(held) / step_time(free))
            losses = [run.series("loss/train")[1] for run in (held, free)]
            same += bool((losses[0] == losses[1]).all())
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    return {
        "step time, blocked / without": float(middle),
        "lower quartile": float(low),
        "upper quartile": float(high),
        "pairs with the same losses": same,
        "pairs": pairs,
    }


def trained(store: RunStore, blocked: bool) -> Run:
    """A run from start to end."""
    run = store.create(RunConfig.from_flat({**RunConfig().flat(), **CONFIG}))
    let_go = threading.Event()
    asked = {VARIABLE: "wandb" if blocked else ""}
    with (
        mock.patch.dict(os.environ, asked),
        mock.patch.object(sending, "PATIENCE", 0.1),
        mock.patch.object(sending, "opener", return_value=lambda about: Blocked(let_go)),
    ):
        Trainer(run, NullControl()).train()
    let_go.set()
    return run


def step_time(run: Run) -> float:
    """Seconds of a step: the median, which a moment of other load leaves alone."""
    seconds = run.rows("step", ["seconds"]).columns["seconds"]
    return float(np.median(np.diff(seconds)))


if __name__ == "__main__":
    for name, value in measure(*map(int, sys.argv[1:2])).items():
        print(f"{name}: {value:.4g}")
