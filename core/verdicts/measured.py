"""What advice needs to know of a run: its gradients by depth, where it ended, where it began."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.config.fork_point import ForkPoint
from core.config.units import Unit, corpus_unit
from core.runs.run import Run
from core.runs.status import RESUMABLE, State

GRADIENT = "grad_norm/block"


@dataclass(frozen=True)
class Measured:
    """What advice asks of a run that has ended.

    `gradients` are the gradient norms of the layers, first to last, at step `at`, the last one at
    which all are finite; empty where there are none. `rewired` while it trained, `floor` the lowest
    loss possible in nats, `resumes_at` the step of the checkpoint that resuming goes on from, None
    where there is none. `fork` is where it started, None of one that started at step 0.
    """

    state: State
    step: int
    words: Unit
    gradients: tuple[float, ...] = ()
    at: int = 0
    rewired: bool = False
    floor: float | None = None
    resumes_at: int | None = None
    fork: ForkPoint | None = None


def measure(run: Run) -> Measured:
    """Read it from the run's directory."""
    record, floor = run.record, run.corpus.get("floor")
    gradients: tuple[float, ...] = ()
    at = 0
    try:
        steps, values = run.series(GRADIENT)
    except KeyError:
        pass
    else:
        layers = np.asarray(values, dtype=np.float64).reshape(len(steps), -1)
        whole = np.flatnonzero(np.isfinite(layers).all(axis=1))
        if len(whole):
            at, gradients = int(steps[whole[-1]]), tuple(layers[whole[-1]].tolist())
    return Measured(
        record.state,
        record.step,
        corpus_unit(run.corpus),
        gradients,
        at,
        bool(run.switches),
        float(floor) if isinstance(floor, int | float) else None,
        run.resumes_at if record.state in RESUMABLE else None,
        run.fork,
    )
