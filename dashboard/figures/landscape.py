"""The loss around a checkpoint, as core.anatomy.landscape and .trajectory answer it.

Heights and colours are the logarithm of the loss where its values span a factor of four or more,
with marks in nats: the walls of a landscape otherwise hide its floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from core.language import mark, t
from core.palette import COLOURS, Mode, run_colour
from dashboard.figures.layout import Curve, axis, colour_bar, layout, lines, sequential

SPREAD = 4.0
LEVELS = 18  # contour lines


def curves(
    runs: Sequence[dict[str, Any]], a: ArrayLike, mode: Mode, height: int, names: Sequence[str],
    colours: Sequence[int], limits: tuple[float, float],
) -> go.Figure:  # fmt: skip
    """L(θ + a d) of several runs on one scale; a ring marks each checkpoint."""
    at = np.asarray(a, dtype=float)
    drawn = [
        Curve(name, colour, at, np.asarray(run["loss"], dtype=float))
        for run, name, colour in zip(runs, names, colours, strict=True)
    ]
    log = limits[1] / max(limits[0], 1e-9) >= SPREAD
    x = axis(mode, mark("a, in lengths of the filters"), range=[at.min(), at.max()])
    figure = lines(drawn, mode, x, mark("loss, nats"), height, log)
    figure.update_traces(mode="lines")
    for run, colour in zip(runs, colours, strict=True):
        figure.add_scatter(
            x=[0], y=[run["centre"]], mode="markers", hoverinfo="skip", cliponaxis=False,
            marker={"symbol": "circle", "size": 9, "color": COLOURS[mode]["card"],
                    "line": {"width": 2.2, "color": run_colour(colour, mode)}},
        )  # fmt: skip
    return figure


def contour(
    loss: ArrayLike, a: ArrayLike, b: ArrayLike, mode: Mode, height: int,
    limits: tuple[float, float], axes: tuple[str, str] = ("a", "b"), bar: bool = True,
) -> go.Figure:  # fmt: skip
    """The loss from above; `loss[j][i]` at a[i], b[j]."""
    z, marks = heights(loss, limits)
    low, high = marks["range"]
    trace = go.Contour(
        z=z, x=np.asarray(a), y=np.asarray(b), zmin=low, zmax=high, colorscale=sequential(),
        customdata=np.asarray(loss, dtype=float), connectgaps=False, showscale=bar,
        contours={"start": low, "end": high, "size": (high - low) / LEVELS or 1.0},
        line={"width": 0.6, "color": "rgba(255,255,255,0.35)"},
        hovertemplate="%{x:.3~g}, %{y:.3~g}: %{customdata:.4~g} nats<extra></extra>",
        colorbar=colour_bar(mode, "loss, nats", tickvals=marks["at"], ticktext=marks["words"]),
    )  # fmt: skip
    figure = go.Figure(
        trace,
        layout(
            mode, height,
            axis(mode, axes[0], showgrid=False, range=_ends(a), constrain="domain"),
            axis(mode, axes[1], showgrid=False, range=_ends(b), constrain="domain"),
        ),
    )  # fmt: skip
    return figure


def surface(
    loss: ArrayLike, a: ArrayLike, b: ArrayLike, mode: Mode, height: int,
    limits: tuple[float, float], axes: tuple[str, str] = ("a", "b"), bar: bool = True,
) -> go.Figure:  # fmt: skip
    """The loss as a surface that can be turned."""
    z, marks = heights(loss, limits)
    low, high = marks["range"]
    colours = COLOURS[mode]

    def side(title: str, **more: Any) -> dict[str, Any]:
        return {
            "title": {"text": title, "font": {"size": 12, "color": colours["muted"]}},
            "gridcolor": colours["grid"], "zeroline": False, "showbackground": False,
            "tickfont": {"size": 12, "color": colours["muted"]}, "linecolor": colours["line"],
            "showspikes": False, "nticks": 5, **more,
        }  # fmt: skip

    trace = go.Surface(
        z=z, x=np.asarray(a), y=np.asarray(b), colorscale=sequential(), showscale=bar,
        cmin=low, cmax=high, customdata=np.asarray(loss, dtype=float),
        lighting={"ambient": 0.75, "diffuse": 0.45, "specular": 0.05, "roughness": 0.9},
        contours={"z": {
            "show": True, "width": 1, "color": "rgba(255,255,255,0.3)", "highlight": False,
            "start": low, "end": high, "size": (high - low) / LEVELS or 1.0,
        }},
        hovertemplate="%{x:.3~g}, %{y:.3~g}: %{customdata:.4~g} nats<extra></extra>",
        colorbar=colour_bar(
            mode, "loss, nats", tickvals=marks["at"], ticktext=marks["words"], len=0.7
        ),
    )  # fmt: skip
    figure = go.Figure(trace, layout(mode, height, {}, {}, margin={"l": 0, "r": 0, "t": 0, "b": 0}))
    figure.update_layout(
        xaxis=None, yaxis=None,
        scene={
            "xaxis": side(axes[0]), "yaxis": side(axes[1]),
            "zaxis": side("loss", tickvals=marks["at"], ticktext=marks["words"], range=[low, high]),
            "aspectmode": "manual", "aspectratio": {"x": 1, "y": 1, "z": 0.62},
            "camera": {
                "eye": {"x": 1.08, "y": -1.17, "z": 0.78}, "center": {"x": 0, "y": 0, "z": -0.16},
            },
            "uirevision": "kept",
        },
    )  # fmt: skip
    return figure


def add_centre(figure: go.Figure, centre: float, colour: int, mode: Mode) -> None:
    """A ring where the checkpoint stands."""
    ring = {"width": 2.4, "color": run_colour(colour, mode)}
    figure.add_scatter(
        x=[0], y=[0], mode="markers", cliponaxis=False,
        marker={"size": 10, "color": COLOURS[mode]["card"], "line": ring},
        hovertemplate=t("the checkpoint: {loss:.4g} nats", loss=centre) + "<extra></extra>",
    )  # fmt: skip


def add_path(
    figure: go.Figure, path: ArrayLike, steps: Sequence[int], losses: Sequence[float | None],
    colour: int, mode: Mode, limits: tuple[float, float] | None = None,
) -> None:  # fmt: skip
    """The path of training; with `limits` in space, at the checkpoints' own losses."""
    xy = np.asarray(path, dtype=float)
    said = [
        t("step {step:,}: not finite", step=s)
        if v is None
        else t("step {step:,}: {loss:.4g} nats", step=s, loss=v)
        for s, v in zip(steps, losses, strict=True)
    ]
    line = {"color": run_colour(colour, mode), "width": 2.4}
    edge = {"color": COLOURS[mode]["card"], "width": 1.4}
    if limits is None:
        figure.add_scatter(
            x=xy[:, 0], y=xy[:, 1], mode="lines+markers+text", line=line, cliponaxis=False,
            marker={"size": 8, "color": line["color"], "line": edge}, text=_ends_named(steps),
            textposition="top center",
            textfont={"size": 12, "color": "#ffffff", "shadow": "0 0 3px #000, 0 0 2px #000"},
            customdata=said, hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        return
    z, _ = heights([v if v is not None else np.nan for v in losses], limits)
    figure.add_scatter3d(
        x=xy[:, 0], y=xy[:, 1], z=z, mode="lines+markers", line={**line, "width": 5},
        marker={"size": 4, "color": line["color"], "line": edge},
        customdata=said, hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def heights(loss: ArrayLike, limits: tuple[float, float]) -> tuple[NDArray[Any], dict[str, Any]]:
    """Losses as they are drawn, and the marks of their axis: `range`, `at` and `words`."""
    values = np.asarray(loss, dtype=float)
    low, high = limits
    if not high > low:
        high = low + max(abs(low) * 0.01, 1e-6)
    log = low > 0 and high / low >= SPREAD
    if not log:
        at = _round_numbers(low, high)
        return values, {"range": [low, high], "at": at, "words": [f"{v:.4g}" for v in at]}
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = np.log10(values)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    parts = (1, 2, 5) if np.log10(high / low) < 2.5 else (1,)
    nice = [m * 10.0**p for p in powers for m in parts if low <= m * 10.0**p <= high]
    nice = nice if len(nice) > 1 else [low, high]
    at = [float(np.log10(v)) for v in nice]
    ends = [float(np.log10(low)), float(np.log10(high))]
    return drawn, {"range": ends, "at": at, "words": [f"{v:.3g}" for v in nice]}


def _round_numbers(low: float, high: float, most: int = 5) -> list[float]:
    raw = (high - low) / most
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    return [float(v) for v in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]


def _ends(values: ArrayLike) -> list[float]:
    array = np.asarray(values, dtype=float)
    return [float(array.min()), float(array.max())]


def _ends_named(steps: Sequence[int]) -> list[str]:
    ends = (0, len(steps) - 1)
    return [t("step {step:,}", step=s) if i in ends else "" for i, s in enumerate(steps)]
