"""A metric of one run or several as a Plotly figure: ``run.plot("loss")`` in a notebook."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.config.units import Unit, corpus_unit
from core.language import Message, t
from core.metrics.downsample import thinned
from core.metrics.limits import points_for
from core.metrics.names import PROFILES, TITLES, title_of, unit_of
from core.palette import COLOURS, Mode
from core.plots.curves import COLOURS_OF_RUNS, Line, curves
from core.plots.labels import plain

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from core.runs import Run

# Words that people type, and the metrics that they mean.
SHORT = {
    "loss": "loss/train",
    "validation": "loss/validation",
    "gradient": "grad_norm/total",
    "accuracy": "accuracy/validation",
}
LAST_ROWS = 50  # that a profile over the layers is the mean of


class PlotError(ValueError):
    """What can't be drawn; the sentence says why and what can."""


def drawn(
    runs: Sequence[Run], metric: str, names: Sequence[str], mode: Mode = "light", height: int = 400
) -> Figure:
    """The runs' lines over the steps of a scalar metric, over the layers of a per-layer one (the
    mean of its last rows). `metric` is a name of `run.metrics()` or a word of `SHORT`.

    Raises PlotError where none of them has the metric, or Plotly is missing.
    """
    try:
        import plotly  # noqa: F401
    except ModuleNotFoundError as error:
        raise PlotError(Message("plot: Plotly is missing; pip install plotly")) from error
    metric = SHORT.get(metric, metric)
    lines, layered = [], False
    for at, (run, name) in enumerate(zip(runs, names, strict=True)):
        known = run.metrics()
        if metric not in known:
            continue
        layered = bool(known[metric])
        lines.append(_line(run, metric, name, layered, at, points_for(len(runs))))
    if not lines:
        raise PlotError(_unknown(runs, metric))
    words = corpus_unit(runs[0].corpus)
    unit = unit_of(metric, words.name)
    if metric.startswith("loss/") and any(run.origin for run in runs):
        unit = ""  # which only the program knows that recorded it
    gradient = metric.startswith("grad_norm/")
    reference = _reference(runs, metric, words)
    figure = curves(
        lines,
        t("layer") if layered else t("step"),
        _axis(metric, unit),
        mode,
        log_y=gradient,
        reference=reference,
        markers=layered or all(len(line.x) < 40 for line in lines),
        height=height,
    )
    # On a ground of its own: nobody knows that of the notebook.
    ground = COLOURS[mode]["card"]
    figure.update_layout(paper_bgcolor=ground, plot_bgcolor=ground)
    if reference is not None:  # its name stands where losses are far above it
        at_left = {"x": 0, "xanchor": "left", "xshift": 4}
        figure.update_annotations(at_left, selector={"text": plain(reference[1])})
    return figure


def _axis(metric: str, unit: str) -> str:
    """A metric's title, with its unit where that is not the title."""
    known = TITLES.get(metric) or PROFILES.get(metric)
    if known is None:  # the title of its kind, which says nothing of the part
        return f"{t(title_of(metric))} ({metric})"
    title = t(known)
    title = title[:1].upper() + title[1:]
    return title if not unit or unit.lower() in known.lower() else f"{title}, {t(unit)}"


def _line(run: Run, metric: str, name: str, layered: bool, at: int, most: int) -> Line:
    steps, values = run.series(metric)
    colour = run.meta["colour"]
    index = colour if isinstance(colour, int) else at
    turn = index // COLOURS_OF_RUNS
    if layered:
        whole = np.asarray(values, dtype=np.float64)
        rows = whole[np.isfinite(whole).all(axis=1)][-LAST_ROWS:]
        profile = rows.mean(axis=0) if len(rows) else np.full(whole.shape[1], np.nan)
        return Line(name, index, np.arange(1, len(profile) + 1), profile, turn=turn)
    kept, fewer = thinned(steps, np.asarray(values, dtype=np.float64), most)
    finite = np.isfinite(fewer)
    return Line(name, index, kept[finite], fewer[finite], turn=turn)


def _reference(runs: Sequence[Run], metric: str, words: Unit) -> tuple[float, str] | None:
    """The loss of a network that ignores its input, where it is one for all runs."""
    if not metric.startswith("loss/"):
        return None
    known = {
        round(entropy, 3)
        for run in runs
        if isinstance(entropy := run.corpus.get("unigram_entropy"), int | float)
    }
    if len(known) != 1:
        return None
    level = known.pop()
    return level, t("{frequencies} alone, {loss:.3f}", frequencies=words.frequencies, loss=level)


def _unknown(runs: Sequence[Run], metric: str) -> Message:
    there = sorted({name for run in runs for name in run.metrics()})
    if not there:
        return Message("plot: nothing was measured yet; train it first")
    near = difflib.get_close_matches(metric, [*SHORT, *there], n=1)
    if near:
        return Message(
            "plot: there is no metric {metric}; did you mean {near}?", metric=metric, near=near[0]
        )
    return Message(
        "plot: there is no metric {metric}; accepted: {known}",
        metric=metric,
        known=", ".join([*SHORT, *there]),
    )
