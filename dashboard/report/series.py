"""Metrics of runs as lines to draw: thinned, and runs of one group as their mean and band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.catalogue.comparable import factor
from core.catalogue.entry import Entry
from core.catalogue.index import of_run
from core.catalogue.naming import names
from core.catalogue.summary import RunSummary
from core.language import t
from core.metrics.downsample import band, thinned
from core.metrics.limits import points_for
from core.plots.curves import COLOURS_OF_RUNS, Line
from core.runs import Run
from dashboard.catalogue.differences import drawn_together
from dashboard.catalogue.run_names import of_one_setting

BANDED = 8  # lines with a band; the bands of more cover each other
LAST_ROWS = 50  # that the profile at the end is the mean of

Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Group:
    """Runs that are drawn as one line."""

    name: str
    runs: tuple[Entry, ...]
    turn: int = 0  # its dash, by which groups of one colour are told apart

    @property
    def colour(self) -> int:
        """The first run's."""
        return self.runs[0].colour

    @property
    def summaries(self) -> list[RunSummary]:
        """The summary of each run."""
        return [run.summary for run in self.runs]


def groups(runs: Sequence[Run], labels: Mapping[str, str] | None = None) -> list[Group]:
    """The runs as lines: those with one label together, by default those that differ in the seed.

    In the order of their first runs. Lines that have no label are named by what differs among them.
    """
    entries = [of_run(run) for run in runs]
    if labels is None:
        labels = {}
        found = drawn_together(entries, {entry.id: entry.setting for entry in entries})
    else:
        found = drawn_together(entries, labels)
    called = names([of_one_setting(own) for own in found if not labels.get(own[0].id)])
    result: list[Group] = []
    looks: set[tuple[int, int]] = set()
    for own in found:
        group = Group(labels.get(own[0].id) or called[own[0].id], tuple(own))
        colour = group.colour % COLOURS_OF_RUNS
        turn = group.colour // COLOURS_OF_RUNS  # as on every page, unless another has this look
        while (colour, turn) in looks:
            turn += 1
        looks.add((colour, turn))
        result.append(Group(group.name, group.runs, turn))
    return result


def lines(found: Sequence[Group], metric: str, in_bits: bool = False) -> list[Line]:
    """Each group's line of a scalar metric; groups without it are left out. `in_bits`: of a loss,
    in bits per byte.
    """
    banded = len(found) <= BANDED and any(len(group.runs) > 1 for group in found)
    most = points_for(max(len(found), 1) * (3 if banded else 1))
    made = (_line(group, metric, most, banded, in_bits) for group in found)
    return [line for line in made if line is not None]


def _series(entry: Entry, metric: str) -> tuple[NDArray[np.int64], Numbers]:
    try:
        steps, values = entry.run.series(metric)
    except KeyError:
        return np.zeros(0, np.int64), np.zeros(0)
    return steps, np.asarray(values, dtype=np.float64)


def _line(group: Group, metric: str, most: int, banded: bool, in_bits: bool = False) -> Line | None:
    found = [(_series(run, metric), factor(run, in_bits)) for run in group.runs]
    series = [(steps, values * by) for (steps, values), by in found if len(steps)]
    if not any(np.isfinite(values).any() for _, values in series):
        return None
    ends = {
        t("diverged at step {step:,}", step=d.diverged_at) for d in group.summaries if d.diverged_at
    }
    end = ends.pop() if len(ends) == 1 and len(group.runs) == 1 else ""
    if len(series) == 1:
        steps, values = series[0]
        steps, fewer = thinned(steps, values, most)
        kept = np.isfinite(fewer)
        y = fewer[kept].astype(np.float64)
        return Line(group.name, group.colour, steps[kept], y, turn=group.turn, end=end)
    if len(series) < len(group.runs):
        return None  # a mean over those that have the metric is not the group's
    steps, stack = _common(series)
    if not len(steps):
        return None
    keys = [run.experiment for run in group.runs]
    stack = np.stack([stack[[k == key for k in keys]].mean(0) for key in dict.fromkeys(keys)])
    x, mean, low, high = band(steps, stack, most)
    name = group.name
    if _is_cut(series, steps):
        name = t("{name}, to step {step:,}", name=name, step=int(steps[-1]))
    if not banded or len(stack) < 2:
        return Line(name, group.colour, x, mean, turn=group.turn)
    return Line(name, group.colour, x, mean, low, high, group.turn)


def _common(
    series: Sequence[tuple[NDArray[np.int64], Numbers]],
) -> tuple[NDArray[np.int64], Numbers]:
    """Several series over the steps at which every one is a number, (runs, steps).

    Over more steps the runs that are averaged would change, and the mean with them.
    """
    steps = reduce(np.intersect1d, (own for own, _ in series))
    stack = np.stack([values[np.searchsorted(own, steps)] for own, values in series])
    kept = np.isfinite(stack).all(0)
    return steps[kept], stack[:, kept]


def _is_cut(series: Sequence[tuple[NDArray[np.int64], Numbers]], steps: NDArray[np.int64]) -> bool:
    """Whether a run of them goes on where not all do."""
    return any(bool(np.isfinite(values[own > steps[-1]]).any()) for own, values in series)


def profiles(found: Sequence[Group], metric: str) -> list[Line]:
    """Each group's per-layer metric at the end of training: the mean of the last rows."""
    made = []
    for group in found:
        by_experiment: dict[str, list[Numbers]] = {}
        for run in group.runs:
            if (end := _end(run, metric)) is not None:
                by_experiment.setdefault(run.experiment, []).append(end)
        ends = [end for own in by_experiment.values() for end in own]
        width = max((len(end) for end in ends), default=0)
        if not ends or len(ends) < len(group.runs) or any(len(end) != width for end in ends):
            continue  # a mean over some of them, or over other depths, is not the group's
        stack = np.stack([np.mean(own, axis=0) for own in by_experiment.values()])
        layers = np.arange(1, width + 1)
        several = len(stack) > 1 and len(found) <= BANDED
        made.append(
            Line(
                group.name,
                group.colour,
                layers,
                stack.mean(0),
                stack.min(0) if several else None,
                stack.max(0) if several else None,
                group.turn,
            )
        )
    return made


def _end(entry: Entry, metric: str) -> Numbers | None:
    _, values = _series(entry, metric)
    if values.ndim != 2:
        return None
    values = values[np.isfinite(values).all(1)][-LAST_ROWS:]
    return values.mean(0) if len(values) else None
