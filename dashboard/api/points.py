"""The exact points of a zoom, and depth profiles at one step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from core.metrics.downsample import Steps, Sums, bucket_width, thin
from core.metrics.holes import broken
from core.metrics.limits import POINTS, RANGE_POINTS, RUNS
from core.metrics.names import layer_of
from core.runs import RunError
from dashboard.api.answers import (
    BadRequestError,
    as_json,
    number,
    route,
    shortened,
    words,
)
from dashboard.api.replies import At, Profiles, Range, Ranges
from dashboard.live.feed import DIFFERENCE, opened


def read(id: str, metric: str) -> tuple[Steps, NDArray[Any]]:
    """Every row of a metric, broken at holes; also of `difference/<run>/<metric>`.

    Raises KeyError with the names that exist, RunError for an unknown run.
    """
    return broken(*_rows(id, metric))


def _rows(id: str, metric: str) -> tuple[Steps, NDArray[Any], int]:
    """The rows, and the steps from one to the next: of a difference, from one that both have."""
    if metric.startswith(DIFFERENCE):
        other, _, name = metric.removeprefix(DIFFERENCE).partition("/")
        (steps, values, every), (others, subtracted, of_other) = _rows(id, name), _rows(other, name)
        both, here, there = np.intersect1d(steps, others, assume_unique=True, return_indices=True)
        with np.errstate(invalid="ignore"):
            return both, values[here] - subtracted[there], math.lcm(every, of_other)
    run = opened(id)
    return *run.series(metric), run.every(run.cadence_of(layer_of(metric)[0])[0])


@route
def series(request: Request) -> Response:
    """Points of one metric of one or more runs in a range of steps, exact when they are few.

    ?run= (or several, with commas) &metric= &from= &to= &points=.
    """
    ids, metric = words(request, "run"), request.query_params.get("metric", "")
    if len(ids) > RUNS:
        raise BadRequestError(f"{len(ids)} runs asked for; accepted: at most {RUNS}")
    most = min(max(number(request, "points", POINTS), 2), RANGE_POINTS)
    low, high = number(request, "from", 0), number(request, "to", 2**62)
    if len(ids) == 1:
        return as_json(_range(ids[0], metric, low, high, most), request=request)
    reply: Ranges = {"runs": [_range_or_none(id, metric, low, high, most) for id in ids]}
    return as_json(reply, request=request)


def _range_or_none(id: str, metric: str, low: int, high: int, most: int) -> Range | None:
    try:
        return _range(id, metric, low, high, most)
    except (KeyError, RunError, OSError):
        return None  # one of many may lack it or be gone


def _range(id: str, metric: str, low: int, high: int, most: int) -> Range:
    steps, values = read(id, metric)
    inside = slice(*np.searchsorted(steps, [low, high + 1]).tolist())
    steps, values = steps[inside], values[inside]
    width, means = 1, None
    if len(steps):
        each = 1 if values.ndim == 2 else 2
        width = bucket_width(int(steps[0]), int(steps[-1]), len(steps), most, each)
        if width > 1 and values.ndim == 1:
            means = Sums.of(steps, values, width).means()
        steps, values = thin(steps, values, width)
    digits = 9 if values.ndim == 1 else 4  # with nine a float32 is exact
    said: Range = {
        "from": low,
        "s": np.diff(steps, prepend=0).tolist(),
        "v": shortened(values, digits),
    }
    if means is not None:
        said["w"], said["a"] = width, shortened(means, 6)
    return said


@route
def profile(request: Request) -> Response:
    """Per-layer values at one step: ?runs= &metric= (or several) &step=.

    Of each run the newest row at or before the step that holds a finite number, as [step, values];
    a metric that a run lacks, or has not measured yet, is left out.
    """
    metrics, step = words(request, "metric"), number(request, "step", 2**62)
    ids = words(request, "runs")
    if len(ids) > RUNS:
        raise BadRequestError(f"{len(ids)} runs asked for; accepted: at most {RUNS}")
    runs = [{m: row for m in metrics if (row := _nearest(id, m, step))} for id in ids]
    reply: Profiles = {"runs": runs}
    return as_json(reply)


def _nearest(id: str, metric: str, step: int) -> At | None:
    try:
        steps, values = read(id, metric)
    except (KeyError, RunError, OSError):
        return None
    rows = int(np.searchsorted(steps, step, side="right"))
    finite = np.isfinite(values[:rows])
    told = np.flatnonzero(finite.any(axis=1) if values.ndim == 2 else finite)
    if not len(told):
        return None
    at = told[-1]
    row = shortened(np.atleast_1d(values[at]), 4)
    return int(steps[at]), row if values.ndim == 2 else row[0]
