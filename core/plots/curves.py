"""Curves and profiles as Plotly figures: arrays in, a figure out, in the dashboard's colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.palette import COLOURS, DASHES, Mode, run_colour
from core.plots.labels import apart, plain, short

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FONT = '"Source Sans 3", "Source Sans Pro", "Source Sans", "Segoe UI", system-ui, sans-serif'
NAMED = 10  # lines that carry their names at their ends; more are named under the pointer
UNIFIED = 8  # lines whose values are all shown at once under the pointer
COLOURS_OF_RUNS = 8
NAME_HEIGHT = 0.052  # of the chart: names at the lines' ends stand at least this far apart
LONGEST = 26  # letters of a name at the end of its line
BAND = 0.18

Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Line:
    """One run, or the mean of several with the band of their least and greatest values.

    `x`, `y`, `low` and `high` have one shape (n,). `colour` is the run's index in the palette,
    `turn` tells lines of one colour apart by their dashes, `end` marks where it diverged.
    """

    name: str
    colour: int
    x: NDArray[Any]
    y: Numbers
    low: Numbers | None = None
    high: Numbers | None = None
    turn: int = 0
    end: str = ""

    @property
    def points(self) -> int:
        """Points that a browser has to draw."""
        return len(self.x) * (1 if self.low is None else 3)


def curves(
    lines: Sequence[Line],
    x_title: str,
    y_title: str,
    mode: Mode = "light",
    log_y: bool = False,
    reference: tuple[float, str] | None = None,
    y_range: tuple[float, float] | None = None,
    markers: bool = False,
    height: int = 400,
) -> Figure:
    """Lines over each other. `reference` is a dotted level with its name; `markers` shows points.

    `y_range` is in the axis's own unit, also where it is logarithmic.
    """
    from plotly.graph_objects import Figure, Scatter

    theme = COLOURS[mode]
    named = len(lines) <= NAMED
    figure = Figure()
    for line in lines:
        if line.low is not None and line.high is not None:
            figure.add_trace(
                Scatter(
                    x=np.concatenate([line.x, line.x[::-1]]),
                    y=np.concatenate([line.high, line.low[::-1]]),
                    fill="toself",
                    fillcolor=_faint(run_colour(line.colour, mode), BAND),
                    line={"width": 0},
                    mode="lines",
                    hoverinfo="skip",
                    name=plain(line.name),
                    legendgroup=plain(line.name),
                )
            )
    for line in lines:
        figure.add_trace(_trace(line, mode, markers, len(lines)))
    ends = [line for line in lines if line.end and len(line.x)]
    if ends:
        figure.add_trace(
            Scatter(
                x=[line.x[-1] for line in ends],
                y=[_last(line.y) for line in ends],
                mode="markers",
                marker={"symbol": "x", "size": 8, "color": theme["warning"]},
                text=[plain(f"{line.name}: {line.end}") for line in ends],
                hovertemplate="%{text}<extra></extra>",
                name="diverged",
                cliponaxis=False,
            )
        )
    figure.update_layout(_layout(theme, lines, height, named))
    limits = _limits(lines, y_range, log_y)
    axis = _axis(theme)
    figure.update_xaxes(title=x_title, **_whole_numbers(lines), **axis)
    figure.update_yaxes(
        title=y_title,
        type="log" if log_y else "linear",
        range=limits,
        tickformat="~g" if log_y else None,
        dtick=1 if log_y and limits and limits[1] - limits[0] > 2 else None,
        **axis,
    )
    if reference is not None:
        _add_reference(figure, reference, theme)
    if named:
        for name in _names(lines, mode, limits, log_y):
            figure.add_annotation(name)
    return figure


def _whole_numbers(lines: Sequence[Line]) -> dict[str, Any]:
    """Ticks of steps and layers, which have no fractions."""
    last = max((float(line.x[-1]) for line in lines if len(line.x)), default=0.0)
    if last > 30:
        return {"tickformat": ",d"}
    return {"tick0": 0, "dtick": max(1, round(last / 8)), "tickformat": "d"}


def _trace(line: Line, mode: Mode, markers: bool, count: int) -> Any:
    from plotly.graph_objects import Scatter

    colour = run_colour(line.colour, mode)
    name = plain(line.name)
    return Scatter(
        x=line.x,
        y=line.y,
        mode="lines+markers" if markers else "lines",
        line={
            "color": colour,
            "width": 1.8 if count <= UNIFIED else 1.1,
            "dash": DASHES[line.turn % len(DASHES)],
        },
        marker={"color": colour, "size": 5},
        opacity=1 if count <= 24 else 0.75,
        name=name,
        legendgroup=name,
        hovertemplate=f"%{{y:.4g}}<extra>{name}</extra>"
        if count <= UNIFIED
        else f"{name}<br>%{{x:,d}}: %{{y:.4g}}<extra></extra>",
    )


def _layout(theme: dict[str, str], lines: Sequence[Line], height: int, named: bool) -> Any:
    longest = max((len(short(line.name, LONGEST)) for line in lines), default=0)
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": theme["ink"]},
        "height": height,
        "margin": {"l": 64, "r": 24 + 7 * longest if named else 18, "t": 14, "b": 48},
        "showlegend": False,
        "hovermode": "x unified" if len(lines) <= UNIFIED else "closest",
        "hoverlabel": {
            "bgcolor": theme["card"],
            "bordercolor": theme["line"],
            "font": {"family": FONT, "size": 12, "color": theme["ink"]},
        },
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": theme["muted"],
            "activecolor": theme["ink"],
        },
    }


def _axis(theme: dict[str, str]) -> dict[str, Any]:
    muted = {"color": theme["muted"], "size": 12}
    return {
        "gridcolor": theme["grid"],
        "linecolor": theme["line"],
        "zeroline": False,
        "showline": True,
        "ticks": "outside",
        "tickcolor": theme["line"],
        "ticklen": 4,
        "tickfont": muted,
        "title_font": muted,
        "title_standoff": 10,
    }


def _add_reference(figure: Figure, reference: tuple[float, str], theme: dict[str, str]) -> None:
    level, name = reference
    figure.add_hline(
        y=level,
        line={"color": theme["muted"], "width": 1.2, "dash": "dot"},
        annotation={
            "text": plain(name),
            "font": {"color": theme["muted"], "size": 12},
            "xshift": -4,
            "yshift": -3,
        },
        annotation_position="bottom right",
    )


def _limits(
    lines: Sequence[Line], y_range: tuple[float, float] | None, log_y: bool
) -> tuple[float, float] | None:
    """The range of the y axis, as Plotly has it: exponents of ten where it is logarithmic."""
    if y_range is None:
        values = [p for line in lines for p in (line.y, line.low, line.high) if p is not None]
        joined = np.concatenate(values) if values else np.zeros(0)
        joined = joined[np.isfinite(joined) & ((joined > 0) | (not log_y))]
        if not len(joined):
            return None
        y_range = (float(joined.min()), float(joined.max()))
    low, high = (float(np.log10(v)) for v in y_range) if log_y else y_range
    room = 0.04 * (high - low) or 0.5
    return low - room, high + room


def _names(
    lines: Sequence[Line], mode: Mode, limits: tuple[float, float] | None, log_y: bool
) -> list[dict[str, Any]]:
    """The lines' names at their ends, moved apart where they would cover each other."""
    if limits is None:
        return []
    low, high = limits
    found = []
    for line in lines:
        last = _last(line.y)
        if not np.isfinite(last) or (log_y and last <= 0):
            continue
        place = ((float(np.log10(last)) if log_y else last) - low) / (high - low)
        found.append((min(max(place, 0.0), 1.0), line))
    found.sort(key=lambda one: one[0])
    places = apart([place for place, _ in found], NAME_HEIGHT, 1.0)
    return [
        {
            "text": plain(short(line.name, LONGEST)),
            "x": 1,
            "xref": "paper",
            "xanchor": "left",
            "xshift": 6,
            "y": place,
            "yref": "paper",
            "yanchor": "middle",
            "showarrow": False,
            "font": {"color": run_colour(line.colour, mode, text=True), "size": 12},
        }
        for place, (_, line) in zip(places, found, strict=True)
    ]


def _last(values: Numbers) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else float("nan")


def _faint(colour: str, share: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"
