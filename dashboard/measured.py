"""Metrics of runs as lines to draw: thinned, and runs of one group as their mean and band."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.runs import Run
from core.runs.buckets import bucket_size, buckets
from core.runs.digest import Digest, digest
from dashboard.figures.curves import COLOURS_OF_RUNS, Line

MOST_POINTS = 75_000  # of all lines in a chart
MOST_OF_ONE = 1024
BANDED = 8  # lines with a band; the bands of more cover each other
LAST_ROWS = 50  # that the profile at the end is the mean of

Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Group:
    """Runs that are drawn as one line."""

    name: str
    runs: tuple[Run, ...]
    turn: int = 0  # of the groups before it, how many have its colour

    @property
    def colour(self) -> int:
        """The first run's."""
        colour = self.runs[0].meta["colour"]
        return colour if isinstance(colour, int) else 0

    @property
    def digests(self) -> list[Digest]:
        """What became of each."""
        return [digest(run) for run in self.runs]


def groups(runs: Sequence[Run], labels: Mapping[str, str] | None = None) -> list[Group]:
    """The runs as lines: those with one label together, by default those that differ in the seed.

    In the order of their first runs.
    """
    found: dict[str, list[Run]] = {}
    for run in runs:
        label = but_seed(run) if labels is None else labels.get(run.id)
        found.setdefault(f"group {label}" if label else f"run {run.id}", []).append(run)
    result: list[Group] = []
    turns: dict[int, int] = {}
    for own in found.values():
        label = labels.get(own[0].id) if labels else None
        group = Group(label or _common_name(own), tuple(own))
        colour = group.colour % COLOURS_OF_RUNS
        turns[colour] = turns.get(colour, -1) + 1
        result.append(Group(group.name, group.runs, turns[colour]))
    return result


def but_seed(run: Run) -> str:
    """Every setting except the seed: equal where runs differ in nothing else."""
    return str({n: v for n, v in run.config.flat().items() if n != "training.seed"})


def _common_name(runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return runs[0].name
    stems = {re.sub(r"[\s,·:-]*\bseed[\s=]*\d+\s*$", "", run.name).strip() for run in runs}
    return stems.pop() if len(stems) == 1 and all(stems) else runs[0].name


def lines(found: Sequence[Group], metric: str) -> list[Line]:
    """Each group's line of a scalar metric; groups without it are left out."""
    banded = len(found) <= BANDED and any(len(group.runs) > 1 for group in found)
    each = MOST_POINTS / max(len(found), 1) / (3 if banded else 1)
    most = min(MOST_OF_ONE, 2 ** int(math.log2(max(each, 2))))
    made = (_line(group, metric, most, banded) for group in found)
    return [line for line in made if line is not None]


def _series(run: Run, metric: str) -> tuple[NDArray[np.int64], Numbers]:
    # Through readers of its own: a hundred runs' metrics must not stay in memory.
    try:
        steps, values = Run(run.path).series(metric)
    except KeyError:
        return np.zeros(0, np.int64), np.zeros(0)
    return steps, np.asarray(values, dtype=np.float64)


def _line(group: Group, metric: str, most: int, banded: bool) -> Line | None:
    series = [s for s in (_series(run, metric) for run in group.runs) if len(s[0])]
    if not any(np.isfinite(values).any() for _, values in series):
        return None
    ends = {f"diverged at step {d.diverged_at:,}" for d in group.digests if d.diverged_at}
    end = ends.pop() if len(ends) == 1 and len(group.runs) == 1 else ""
    if len(series) == 1:
        steps, values = series[0]
        steps, thinned = buckets(steps, values, bucket_size(len(steps), most))
        kept = np.isfinite(thinned)
        y = thinned[kept].astype(np.float64)
        return Line(group.name, group.colour, steps[kept], y, turn=group.turn, end=end)
    steps, stack = _stacked(series)
    size = bucket_size(len(steps), 2 * most)
    x, mean, low, high = _band(steps, stack, size)
    if not banded:
        return Line(group.name, group.colour, x, mean, turn=group.turn)
    return Line(group.name, group.colour, x, mean, low, high, group.turn)


def _stacked(
    series: Sequence[tuple[NDArray[np.int64], Numbers]],
) -> tuple[NDArray[np.int64], Numbers]:
    """Several series over all their steps, (runs, steps), NaN where one has no such step."""
    steps = np.unique(np.concatenate([own for own, _ in series]))
    stack = np.full((len(series), len(steps)), np.nan)
    for row, (own, values) in zip(stack, series, strict=True):
        row[np.searchsorted(steps, own)] = values
    return steps, stack


def _band(
    steps: NDArray[np.int64], stack: Numbers, size: int
) -> tuple[NDArray[np.int64], Numbers, Numbers, Numbers]:
    """Each bucket's last step, mean, least and greatest value, over all runs.

    The last step, because the mean holds the rows up to there: a line never knows what comes.
    """
    rows = len(steps)
    count = -(-rows // size)
    padded = np.full((stack.shape[0], count * size), np.nan)
    padded[:, :rows] = np.where(np.isfinite(stack), stack, np.nan)
    cells = padded.reshape(stack.shape[0], count, size).transpose(1, 0, 2).reshape(count, -1)
    there = np.isfinite(cells)
    kept = there.any(1)
    cells, there = cells[kept], there[kept]
    mean = np.where(there, cells, 0).sum(1) / there.sum(1)
    low = np.where(there, cells, np.inf).min(1)
    high = np.where(there, cells, -np.inf).max(1)
    ends = np.minimum(np.arange(1, count + 1) * size, rows) - 1
    return steps[ends][kept], mean, low, high


def profiles(found: Sequence[Group], metric: str) -> list[Line]:
    """Each group's per-layer metric at the end of training: the mean of the last rows."""
    made = []
    for group in found:
        ends = [p for run in group.runs if (p := _end(run, metric)) is not None]
        width = max((len(end) for end in ends), default=0)
        ends = [end for end in ends if len(end) == width]
        if not ends:
            continue
        stack = np.stack(ends)
        layers = np.arange(1, width + 1)
        several = len(ends) > 1 and len(found) <= BANDED
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


def _end(run: Run, metric: str) -> Numbers | None:
    _, values = _series(run, metric)
    if values.ndim != 2:
        return None
    values = values[np.isfinite(values).all(1)][-LAST_ROWS:]
    return values.mean(0) if len(values) else None
