"""Losses of text: by what was seen before, and by layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from core.language import mark, t
from core.palette import COLOURS, Mode
from dashboard.figures.layout import Curve, axis, depth_axis, lines

Positions = Sequence[tuple[str, int, ArrayLike, ArrayLike]]  # name, colour, positions, nats


def by_position(
    runs: Positions, mode: Mode, height: int, unigram: float | None = None
) -> go.Figure:  # fmt: skip
    """The loss at each position of a window; more was seen before to the right."""
    last = max(float(np.max(np.asarray(x))) for *_, x, _ in runs)
    x = axis(mode, mark("letters seen before"), range=[1 - 0.02 * last, last * 1.01])
    figure = lines([Curve(*run) for run in runs], mode, x, mark("nats"), height)
    figure.update_traces(mode="lines")
    if unigram is not None:
        _level(figure, unigram, t("single letters"), mode)
    return figure


def what_context_brings(runs: Positions) -> str:
    """How much less the second half of a window costs than its first letters, in words."""
    said = []
    for _, _, x, y in runs:
        nats = np.asarray(y, dtype=float)
        if len(np.asarray(x)) < 8:
            return t("Loss after a whole window")
        gain = nats[:2].mean() - nats[len(nats) // 2 :].mean()
        said.append(f"{gain:.2f}" if gain >= 0.005 else "")
    if len(said) == 1:
        return (
            t("Context brings {gain} nats", gain=said[0])
            if said[0]
            else t("Context brings nothing")
        )
    a, b = (one or t("nothing") for one in said)
    return t("Context brings A {a}, B {b} nats", a=a, b=b)


def by_row(
    runs: Sequence[tuple[str, int, Sequence[str], Sequence[float | None]]], mode: Mode,
    height: int, unigram: float | None = None,
) -> go.Figure:  # fmt: skip
    """The loss that the network would have if it stopped at a place: (rows, losses) of each run.

    Rows are observables from `embed` to the last `blocks.{i}.resid_post`.
    """
    curves, depth = [], 1
    for name, colour, rows, losses in runs:
        at = [depth_of(row) for row in rows]
        depth = max(depth, int(max(at)))
        curves.append(Curve(name, colour, at, np.asarray(losses, dtype=float)))
    figure = lines(curves, mode, depth_axis(mode, depth), mark("nats"), height)
    if unigram is not None:
        _level(figure, unigram, t("single letters"), mode)
    return figure


def depth_of(row: str) -> float:
    """Layers that a row of the lens has behind it; attention alone is half of one."""
    if row == "embed":
        return 0.0
    layer, _, place = row.removeprefix("blocks.").partition(".")
    return int(layer) + (0.5 if place == "resid_mid" else 1.0)


def _level(figure: go.Figure, value: float, words: str, mode: Mode) -> None:
    """A dashed line at a value that means something, widening the range to show it."""
    muted = COLOURS[mode]["muted"]
    low, high = figure.layout.yaxis.range
    gap = (high - low) * 0.16  # room for its words above it
    figure.layout.yaxis.range = (min(low, value - gap), max(high, value + gap))
    figure.add_hline(value, line={"color": muted, "width": 1, "dash": "dash"})
    figure.add_annotation(
        x=1, y=value, xref="paper", yref="y", text=f"{words} {value:.3f}", showarrow=False,
        xanchor="right", yanchor="bottom", font={"size": 12, "color": muted},
    )  # fmt: skip
