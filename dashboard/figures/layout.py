"""How every Plotly figure of the pages looks: the house's colours, axes with units, names at the
ends of lines. The live charts (frontend/src/charts/chart.js) look the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from core.language import mark, t
from core.palette import ATTENTION, CIVIDIS, COLOURS, DIVERGING, Mode, run_colour
from dashboard.figures.names import apart, letters, plain, short

FONT = '"Source Sans", sans-serif'
MARGIN = {"l": 54, "r": 18, "t": 8, "b": 40}
LETTER = 6.3  # pixels of an average letter at 12 px
LINE = 18  # pixels from one name to the next; signs such as ‖ come from a taller font


@dataclass(frozen=True)
class Curve:
    """One line: `colour` is a run's colour index, or the name of a palette colour."""

    name: str
    colour: int | str
    x: ArrayLike
    y: ArrayLike
    dash: str = "solid"

    def paint(self, mode: Mode, text: bool = False) -> str:
        """The line's colour, or its twin for text."""
        if isinstance(self.colour, int):
            return run_colour(self.colour, mode, text)
        colours = COLOURS[mode]
        return (
            colours.get(f"{self.colour}_text", colours[self.colour])
            if text
            else colours[self.colour]
        )


def axis(mode: Mode, title: str, log: bool = False, **more: Any) -> dict[str, Any]:
    """An axis with its name; `more` overrides."""
    colours = COLOURS[mode]
    return {
        "title": {"text": t(title), "font": {"size": 12, "color": colours["muted"]}, "standoff": 8},
        "type": "log" if log else "linear",
        "gridcolor": colours["grid"],
        "zeroline": False,
        "tickfont": {"size": 12, "color": colours["muted"]},
        "linecolor": colours["line"],
        "ticks": "",
        **more,
    }


def layout(mode: Mode, height: int, x: dict[str, Any], y: dict[str, Any], **more: Any) -> go.Layout:
    """The layout of a figure with two axes; the width is the card's."""
    colours = COLOURS[mode]
    hover = {"bgcolor": colours["card"], "bordercolor": colours["line"]}
    return go.Layout(
        **{
            "template": None,
            "height": height,
            "margin": MARGIN,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 12, "color": colours["ink"]},
            "showlegend": False,
            "uirevision": "kept",
            "hoverlabel": {**hover, "font": {"family": FONT, "size": 12, "color": colours["ink"]}},
            "xaxis": x,
            "yaxis": y,
            **more,
        }
    )


def depth_axis(
    mode: Mode, depth: int, first: int = 0, title: str = mark("layer")
) -> dict[str, Any]:
    """Whole layers from `first` to `depth`; 0 is the embedding where it is drawn."""
    step = max(1, math.ceil((depth - first + 1) / 12))
    span = max(depth - first, 1)
    return axis(
        mode,
        title,
        range=[first - 0.03 * span, depth + 0.03 * span],
        tick0=first,
        dtick=step,
        tickformat="d",
    )


def share_axis(mode: Mode) -> dict[str, Any]:
    """Depth as a share of each network's own, where depths differ; 0 is the embedding."""
    return axis(
        mode, mark("share of depth"), range=[-0.03, 1.05], tick0=0, dtick=0.25, tickformat=".0%"
    )


def lines(
    curves: Sequence[Curve], mode: Mode, x: dict[str, Any], y_title: str, height: int,
    log: bool = False, zero: bool = False, digits: str = ".4~g", holds: ArrayLike = (), **more: Any,
) -> go.Figure:  # fmt: skip
    """Lines with a dot at each value and their names at their ends.

    `holds` are values that the y axis reaches to besides, such as ends of error bars.
    `log` draws y in powers of ten where all values are positive; `zero` lets y begin at 0.
    """
    values = [np.asarray(c.y, dtype=float) for c in curves]
    finite = np.concatenate([v[np.isfinite(v)] for v in values] or [np.zeros(0)])
    held = np.asarray(holds, dtype=float)
    log = log and len(finite) > 0 and bool(finite.min() > 0)
    held = held[np.isfinite(held) & ((held > 0) | (not log))]
    low, high = span(np.concatenate([finite, held]), log, zero)
    y = axis(mode, y_title, log, range=[low, high])
    if log:
        y |= log_ticks(low, high)
    right = max([0.0, *(letters(short(c.name)) * LETTER + 14 for c in curves)])
    figure = go.Figure(
        [
            go.Scatter(
                x=np.asarray(c.x), y=v, name=plain(short(c.name)), mode="lines+markers",
                line={"color": c.paint(mode), "width": 2.2, "dash": c.dash},
                marker={"color": c.paint(mode), "size": 5.5}, cliponaxis=False,
                hovertemplate=f"%{{y:{digits}}}",
            )
            for c, v in zip(curves, values, strict=True)
        ],
        layout(
            mode, height, x, y, hovermode="x unified",
            margin={**MARGIN, "r": max(MARGIN["r"], round(right))}, **more,
        ),
    )  # fmt: skip
    ends = [(c, float(v[-1])) for c, v in zip(curves, values, strict=True) if v.size]
    name_ends(figure, ends, mode, (low, high), log)
    return figure


def name_ends(
    figure: go.Figure, ends: Sequence[tuple[Curve, float]], mode: Mode,
    limits: tuple[float, float], log: bool = False,
) -> None:  # fmt: skip
    """Names at the ends of lines, pushed apart where they would overlap."""
    inner = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    low, high = limits
    shown: list[tuple[float, Curve]] = []
    for curve, y in ends:
        if not np.isfinite(y) or (log and y <= 0):
            continue
        at = 1 - ((math.log10(y) if log else y) - low) / (high - low)
        shown.append((min(max(at, 0.0), 1.0) * inner, curve))
    shown.sort(key=lambda one: one[0])
    places = apart([at for at, _ in shown], LINE, inner)
    for at, (_, curve) in zip(places, shown, strict=True):
        figure.add_annotation(
            x=1, y=1 - at / inner, xref="paper", yref="paper", text=plain(short(curve.name)),
            showarrow=False, xanchor="left", yanchor="middle", xshift=7,
            font={"size": 12, "color": curve.paint(mode, text=True)},
        )  # fmt: skip


def span(values: NDArray[Any], log: bool = False, zero: bool = False) -> tuple[float, float]:
    """A range with a little air around finite values; decades where it is logarithmic."""
    if not len(values):
        return (-1.0, 1.0) if log else (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if log:
        low, high = math.log10(low), math.log10(high)
    elif zero and low >= 0:
        low = 0.0
    gap = high - low or abs(high) * 0.2 or 1.0
    return (low if zero and low == 0 else low - 0.06 * gap), high + 0.08 * gap


def log_ticks(low: float, high: float) -> dict[str, Any]:
    """Whole powers of ten, with 2 and 5 between them where there is room, in plain numbers.

    `low` and `high` are exponents of ten.
    """
    parts = (1, 2, 5) if high - low <= 1.6 else (1,)
    every = max(1, math.ceil((high - low) / 6))
    powers = range(math.floor(low), math.ceil(high) + 1, every)
    marks = [part * 10.0**power for power in powers for part in parts]
    return {"tickmode": "array", "tickvals": marks, "ticktext": [f"{v:.4g}" for v in marks]}


def sequential() -> list[list[Any]]:
    """Cividis, for magnitudes."""
    return _scale(CIVIDIS)


def ramp(mode: Mode) -> list[list[Any]]:
    """The blue ramp, for shares and probabilities."""
    return _scale(ATTENTION[mode])


def diverging(mode: Mode) -> list[list[Any]]:
    """Blue below zero, vermilion above."""
    return _scale(DIVERGING[mode])


def _scale(stops: Sequence[str]) -> list[list[Any]]:
    return [[i / (len(stops) - 1), colour] for i, colour in enumerate(stops)]


def colour_bar(mode: Mode, title: str, **more: Any) -> dict[str, Any]:
    """A narrow colour bar that says what it measures."""
    muted = COLOURS[mode]["muted"]
    return {
        "title": {"text": t(title), "side": "right", "font": {"size": 12, "color": muted}},
        "thickness": 9,
        "outlinewidth": 0,
        "tickfont": {"size": 12, "color": muted},
        "xpad": 6,
        **more,
    }
