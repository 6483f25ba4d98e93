"""One metric of one run, thinned: finished buckets, which never change, and the open one's rows.

A series is cut into buckets of steps whose width is a power of two. When a run outgrows its
points, neighbours are merged two by two. Readers may ask for fewer points than are kept: buckets
of buckets are the buckets of their rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.runs.buckets import Steps, bucket_width, buckets_of, thin

POINTS = 1024  # of a scalar series, two for each bucket; a power of two, as are fewer
COLUMNS = 400  # of a per-layer series: one for each bucket


@dataclass(frozen=True)
class Points:
    """Points from a step on. Buckets are `width` steps wide; `open_from` is where the last begins.

    `means` are those of each bucket's rows, as far as they are finite; None for per-layer series
    and where every row is a point.
    """

    steps: Steps
    values: NDArray[Any]
    means: NDArray[np.float64] | None
    width: int
    open_from: int


class Series:
    """Takes rows as they come; `layers` is 0 for a scalar.

    The open bucket is kept thinned too: the extremes of extremes are those of all rows.
    """

    def __init__(self, layers: int) -> None:
        self.layers = layers
        self.width = 1
        self.rows = 0
        self._steps: Steps = np.zeros(0, dtype=np.int64)
        self._values: NDArray[Any] = np.zeros((0, layers) if layers else 0, dtype=np.float32)
        self._sums: Sums | None = None  # None while every row is kept, and of per-layer series
        # The newest row, of a per-layer series the newest that holds a number.
        self.last_step: int | None = None
        self.last: Any = None

    def append(self, steps: Steps, values: NDArray[Any]) -> None:
        """Take new rows, which follow those before."""
        if not len(steps):
            return
        self.rows += len(steps)
        self._remember(steps, values)
        width = self.width_for(COLUMNS if self.layers else POINTS, int(steps[-1]))
        if width > self.width:
            self._widen(width)
        start = int(np.searchsorted(self._steps, int(steps[0]) // self.width * self.width))
        if self._sums is not None:
            self._sums = self._sums.then(Sums.of(steps, values, self.width), self.width)
        steps = np.concatenate([self._steps[start:], steps])
        values = np.concatenate([self._values[start:], values])
        steps, values = thin(steps, values, self.width)
        self._steps = np.concatenate([self._steps[:start], steps])
        self._values = np.concatenate([self._values[:start], values])

    def _remember(self, steps: Steps, values: NDArray[Any]) -> None:
        at = len(steps) - 1
        if self.layers:
            # Some profiles are not measured at every row, and a diverged one says nothing.
            told = np.flatnonzero(np.isfinite(values).any(axis=1))
            if not len(told) and self.last is not None:
                return
            at = int(told[-1]) if len(told) else at
        self.last_step, self.last = int(steps[at]), values[at].tolist()

    def width_for(self, points: int, last: int | None = None) -> int:
        """Steps to a bucket for a reader of so many points, up to the newest or a given step."""
        last = int(self._steps[-1]) if last is None else last
        return max(self.width, bucket_width(0, last, self.rows, points, 1 if self.layers else 2))

    def _widen(self, width: int) -> None:
        if not self.layers:
            self._sums = self._sums_at(width)
        self._steps, self._values = thin(self._steps, self._values, width)
        self.width = width

    def _sums_at(self, width: int) -> Sums:
        if self._sums is None:
            return Sums.of(self._steps, self._values, width)
        return self._sums.merged(width)

    def since(self, step: int, points: int = POINTS) -> Points:
        """The points from the bucket that begins at a step on, the open bucket's among them."""
        width = self.width_for(points)
        start = int(np.searchsorted(self._steps, step)) if step > 0 else 0
        steps, values = thin(self._steps[start:], self._values[start:], width)
        open_from = int(self._steps[-1]) + 1
        if width > 1:
            open_from = int(self._steps[-1]) // width * width
        means = None
        if width > 1 and not self.layers:
            means = self._sums_at(width).means(step)
            if self.last_step is not None and steps[-1] != self.last_step:
                # The line reaches the newest step.
                steps = np.append(steps, self.last_step)
                values = np.append(values, np.float32(self.last))
        return Points(steps, values, means, width, open_from)


@dataclass(frozen=True)
class Sums:
    """Of each bucket: its first step, the sum of its finite values and their number."""

    steps: Steps
    total: NDArray[np.float64]
    count: Steps

    @classmethod
    def of(cls, steps: Steps, values: NDArray[Any], width: int) -> Sums:
        """Of rows."""
        if not len(steps):
            return cls(steps, np.zeros(0), steps)
        starts, first = buckets_of(steps, width)
        finite = np.isfinite(values)
        total = np.add.reduceat(np.where(finite, values, 0).astype(np.float64), starts)
        return cls(first, total, np.add.reduceat(finite.astype(np.int64), starts))

    def merged(self, width: int) -> Sums:
        """In wider buckets."""
        if not len(self.steps):
            return self
        starts, first = buckets_of(self.steps, width)
        return Sums(first, np.add.reduceat(self.total, starts), np.add.reduceat(self.count, starts))

    def then(self, more: Sums, width: int) -> Sums:
        """Followed by others, of which the first may belong to the last bucket."""
        return Sums(
            np.concatenate([self.steps, more.steps]),
            np.concatenate([self.total, more.total]),
            np.concatenate([self.count, more.count]),
        ).merged(width)

    def means(self, step: int) -> NDArray[np.float64]:
        """Of the buckets from a step on; NaN where no value is finite."""
        start = int(np.searchsorted(self.steps, step))
        count = self.count[start:]
        return np.where(count > 0, self.total[start:] / np.maximum(count, 1), np.nan)
