"""The picture of a check: measured points with their spread, on the curve that theory gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.evidence import Axes
from core.evidence.record import Line
from dashboard.figures.layout import Curve, axis, lines, log_ticks, span
from dashboard.ui.palette import Mode

MANY = 30  # points of a line, whose error bars have no ends


def picture(series: Sequence[Line], axes: Axes, mode: Mode, height: int) -> go.Figure:
    """Every series by its kind: measured ones with points and error bars in the colours of runs,
    the theory's dashed and without points. Axes have their names and units."""
    drawn, measured = [], 0
    for one in series:
        theory = one.kind == "theory"
        colour: int | str = "muted" if theory else measured
        measured += not theory
        drawn.append(Curve(one.name, colour, _floats(one.x), _floats(one.y),
                           "dash" if theory else "solid"))  # fmt: skip
    x = axis(mode, axes.x, axes.log_x)
    if axes.log_x:
        at = np.concatenate([np.asarray(c.x, dtype=float) for c in drawn])
        low, high = span(at[at > 0], log=True)
        x |= {"range": [low, high], **log_ticks(low, high)}
    figure = lines(drawn, mode, x, axes.y, height, axes.log_y)
    for trace, one in zip(figure.data, series, strict=True):
        if one.kind == "theory":
            trace.mode = "lines"
            trace.line.width = 1.6
        elif one.spread is not None and any(one.spread):
            trace.error_y = {
                "type": "data", "array": _floats(one.spread), "thickness": 1.2,
                "width": 3 if len(one.x) <= MANY else 0, "color": trace.line.color,
            }  # fmt: skip
    return figure


def _floats(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if v is None else v for v in values]
