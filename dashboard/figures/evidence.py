"""The picture of a check: measured points with their spread, on the curve that theory gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.evidence import Axes
from core.evidence.record import Line
from core.language import t
from core.palette import Mode
from dashboard.figures.layout import Curve, axis, lines, log_ticks, span

MANY = 30  # points of a line, whose error bars have no ends
APART = 0.012  # of the picture's height from which on two lines are seen as two


def picture(series: Sequence[Line], axes: Axes, mode: Mode, height: int) -> go.Figure:
    """Every series by its kind: measured ones with points and error bars in the colours of runs,
    the theory's dashed and without points. Axes have their names and units, and reach to the ends
    of the bars.
    """
    drawn, measured = [], 0
    for one in series:
        theory = one.kind == "theory"
        colour: int | str = "muted" if theory else measured
        measured += not theory
        drawn.append(Curve(t(one.title), colour, _floats(one.x), _floats(one.y),
                           "dash" if theory else "solid"))  # fmt: skip
    x = axis(mode, t(axes.x), axes.log_x)
    if axes.log_x:
        at = np.concatenate([np.asarray(c.x, dtype=float) for c in drawn])
        low, high = span(at[at > 0], log=True)
        x |= {"range": [low, high], **log_ticks(low, high)}
    ends = [_ends(one) for one in series if has_spread(one)]
    holds = np.concatenate(ends) if ends else np.zeros(0)
    figure = lines(drawn, mode, x, t(axes.y), height, axes.log_y, holds=holds)
    low = figure.layout.yaxis.range[0]
    for trace, one in zip(figure.data, series, strict=True):
        if one.kind == "theory":
            trace.mode = "lines"
            trace.line.width = 1.6
        elif has_spread(one):
            spread, y = _floats(one.spread or ()), _floats(one.y)
            down = spread
            if figure.layout.yaxis.type == "log":  # what reaches below 0 ends at the axis
                down = [min(s, v - 10**low) for s, v in zip(spread, y, strict=True)]
            trace.error_y = {
                "type": "data", "array": spread, "arrayminus": down, "symmetric": False,
                "thickness": 1.2, "width": 3 if len(one.x) <= MANY else 0,
                "color": trace.line.color,
            }  # fmt: skip
    return figure


def has_spread(one: Line) -> bool:
    """Whether a measured series has error bars."""
    return one.kind == "measured" and one.spread is not None and any(one.spread)


def coincide(series: Sequence[Line], log: bool) -> bool:
    """Whether every curve of theory lies under a measured one, so that only one is seen."""
    theory = [one for one in series if one.kind == "theory"]
    measured = [one for one in series if one.kind == "measured"]
    return bool(theory) and all(any(_same(t, m, series, log) for m in measured) for t in theory)


def _same(one: Line, other: Line, series: Sequence[Line], log: bool) -> bool:
    if one.x != other.x:
        return False
    every = _scaled([v for line in series for v in line.y], log)
    every = every[np.isfinite(every)]
    height = float(np.ptp(every)) if len(every) else 0.0
    gaps = np.abs(_scaled(one.y, log) - _scaled(other.y, log))
    return bool(np.all(gaps <= APART * height))


def _scaled(values: Sequence[float | None], log: bool) -> NDArray[np.float64]:
    numbers = np.asarray(_floats(values), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(numbers) if log else numbers


def _ends(one: Line) -> NDArray[np.float64]:
    """Both ends of a series' error bars."""
    y, spread = (np.asarray(_floats(v), dtype=np.float64) for v in (one.y, one.spread or ()))
    return np.concatenate([y - spread, y + spread])


def _floats(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if v is None else v for v in values]
