"""How facts are read of a run: its series and their rows, its layers, its heads. Without torch.

L layers, H heads. Whatever a run can't tell (yet) raises UnknownError.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.catalogue.summary import RunSummary, summary_of
from core.heads.scores import SCORES, scores
from core.lessons.formulas import UnknownError
from core.metrics.downsample import Steps
from core.runs import Run
from core.runs.status import State

WHOLE: tuple[State, ...] = ("finished", "diverged")
At = int | float | Literal["first", "last"]


def ended(run: Run) -> RunSummary:
    """The summary of a run that has come to its end and was read.

    One that was stopped or lost on its way says nothing of what a lesson asks.
    """
    found = summary_of(run)
    if found.state not in WHOLE or found.unread:
        raise UnknownError(f"{run.name} has not come to its end")
    return found


def known(number: float | None, run: Run, what: str) -> float:
    """The number, where there is one."""
    if number is None or math.isnan(number):
        raise UnknownError(f"{run.name} has no {what}")
    return number


def whole(run: Run, metric: str) -> tuple[Steps, NDArray[np.float64]]:
    """A metric as it was written, (n,) or (n, L), with its steps (n,)."""
    try:
        steps, values = run.series(metric)
    except KeyError as error:
        raise UnknownError(str(error.args[0])) from error
    if not len(steps):
        raise UnknownError(f"{run.name} has no {metric} yet")
    return steps, np.asarray(values, dtype=np.float64)


def of_layer(run: Run, metric: str, values: NDArray[np.float64], layer: int) -> NDArray[np.float64]:
    """One layer of values (n, L), from 1 or backwards from -1, (n,)."""
    number = values.shape[1] if values.ndim > 1 else 0
    if not 1 <= abs(layer) <= number:
        raise UnknownError(f"{run.name} has no layer {layer} in {metric}")
    one: NDArray[np.float64] = values[:, layer - 1 if layer > 0 else layer]
    return one


def finite(run: Run, metric: str, layer: int | None) -> NDArray[np.float64]:
    """All finite values of a metric, or of one of its layers, flat."""
    ended(run)
    _, values = whole(run, metric)
    if layer is not None:
        values = of_layer(run, metric, values, layer)
    kept: NDArray[np.float64] = values[np.isfinite(values)]
    if not kept.size:
        raise UnknownError(f"{run.name} has no finite {metric}")
    return kept


def series(run: Run, metric: str, layer: int | None) -> tuple[Steps, NDArray[np.float64]]:
    """The finite values of a metric, or of one of its layers, with their steps."""
    steps, values = whole(run, metric)
    if layer is not None:
        values = of_layer(run, metric, values, layer)
    elif values.ndim > 1:
        raise UnknownError(f"{metric} is measured by layer; name one")
    kept = np.isfinite(values)
    if not kept.any():
        raise UnknownError(f"{run.name} has no finite {metric}")
    return steps[kept], values[kept]


def profile(run: Run, metric: str, step: At) -> NDArray[np.float64]:
    """A metric's finite values over the layers at a step, (L,)."""
    ended(run)
    steps, values = whole(run, metric)
    if values.ndim < 2:
        raise UnknownError(f"{metric} is not measured by layer")
    kept = np.isfinite(values).all(axis=1)
    if not kept.any():
        raise UnknownError(f"{run.name} has no finite {metric}")
    found: NDArray[np.float64] = values[kept][row(run, steps[kept], step)]
    return found


def row(run: Run, steps: Steps, step: At) -> int:
    """Where the row of a step stands, or of the last one before it."""
    if step == "first":
        return 0
    if step == "last":
        return len(steps) - 1
    at = int(np.searchsorted(steps, step, side="right")) - 1
    if at < 0:
        raise UnknownError(f"{run.name} has nothing before step {step}")
    return at


def snapshots(run: Run) -> list[int]:
    """The steps at which its attention was kept."""
    found = run.snapshots.steps
    if not found:
        raise UnknownError(f"{run.name} has no snapshot of its attention")
    return found


def head_scores(run: Run, score: str, step: At) -> NDArray[np.float64]:
    """A score of every head at a step, (L, H)."""
    if score not in SCORES:
        raise UnknownError(f"there is no score {score}; accepted: {', '.join(SCORES)}")
    taken = snapshots(run)
    at = taken[row(run, np.asarray(taken), step)]
    tokens = run.corpus.get("probe_tokens")
    pattern = run.snapshots.pattern(at)
    ids = tokens[: pattern.shape[-1]] if isinstance(tokens, list) else None
    found = scores(pattern, ids).get(score)
    if found is None or not np.isfinite(found).any():
        raise UnknownError(f"{run.name}: its probe text has no {score}")
    return np.nan_to_num(found, nan=-1.0)
