"""Fewer points that say the same. The one way in which series are thinned.

A series is cut into buckets of steps whose width is a power of two, so that they only ever merge,
two by two, and never move while a run grows: buckets of buckets are the buckets of their rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.language import Message
from core.metrics.limits import COLUMNS, POINTS

Steps = NDArray[np.int64]
WAITING = 256  # rows that may wait to be thinned
FIRST = np.zeros(1, dtype=np.intp)


def bucket_width(first: int, last: int, rows: int, max_points: int, each: int = 2) -> int:
    """The smallest power of two of steps whose buckets keep `rows` rows within `max_points`.

    1 when they are few enough to be kept as they are; `each` is the points that a bucket keeps.
    """
    width = 1
    if rows > max_points:
        while each * (last // width - first // width + 1) > max_points:
            width *= 2
    return width


def thin(
    steps: Steps, values: NDArray[np.generic], width: int
) -> tuple[Steps, NDArray[np.generic]]:
    """Thin rows to buckets of `width` steps (bucket = step // width) without losing a spike.

    A scalar series (n,) keeps each bucket's smallest and largest value at their own steps, and the
    first one that is not finite. A per-layer series (n, L) keeps each layer's largest value at the
    bucket's first step. Thinning what was thinned with a smaller width gives the same points.
    """
    if width <= 1 or len(steps) == 0:
        return steps, values
    starts, begin = buckets_of(steps, width)
    if values.ndim == 2:
        return begin, np.maximum.reduceat(values, starts, axis=0)  # NaN wins, as it should
    opens = np.zeros(len(steps), dtype=np.intp)
    opens[starts[1:]] = 1
    bucket = opens.cumsum()
    finite = np.isfinite(values)
    if finite.all():
        keep = [
            _firsts(values == np.minimum.reduceat(values, starts)[bucket], bucket),
            _firsts(values == np.maximum.reduceat(values, starts)[bucket], bucket),
        ]
    else:
        low = np.where(finite, values, np.inf)
        high = np.where(finite, values, -np.inf)
        keep = [
            _firsts(finite & (low == np.minimum.reduceat(low, starts)[bucket]), bucket),
            _firsts(finite & (high == np.maximum.reduceat(high, starts)[bucket]), bucket),
            _firsts(~finite, bucket),
        ]
    chosen = np.unique(np.concatenate(keep))
    return steps[chosen], values[chosen]


def thinned(
    steps: Steps, values: NDArray[np.generic], max_points: int
) -> tuple[Steps, NDArray[np.generic]]:
    """A whole series in at most so many points, at steps that were measured; see :func:`thin`."""
    if not len(steps):
        return steps, values
    each = 2 if values.ndim == 1 else 1
    width = bucket_width(int(steps[0]), int(steps[-1]), len(steps), max_points, each)
    kept, fewer = thin(steps, values, width)
    if width > 1 and values.ndim == 2:
        kept = steps[buckets_of(steps, width)[0]]
    return kept, fewer


def band(
    steps: Steps, stack: NDArray[np.floating[Any]], max_points: int
) -> tuple[Steps, NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Several series over the same steps, (series, n), as each bucket's last step, mean, least and
    greatest value, in at most `max_points` buckets.

    The last step, because the mean holds the rows up to there: a line never knows what comes.
    """
    width = bucket_width(int(steps[0]), int(steps[-1]), len(steps), max_points, 1)
    starts, _ = buckets_of(steps, width)
    counts = np.diff(np.append(starts, len(steps)))
    mean = np.add.reduceat(stack.mean(0), starts) / counts
    low = np.minimum.reduceat(stack.min(0), starts)
    high = np.maximum.reduceat(stack.max(0), starts)
    return steps[starts + counts - 1], mean, low, high


def buckets_of(steps: Steps, width: int) -> tuple[NDArray[np.intp], Steps]:
    """The first row of each bucket, and the step at which each bucket begins."""
    bucket = steps // width
    starts = np.concatenate([FIRST, (bucket[1:] != bucket[:-1]).nonzero()[0] + 1])[: len(steps)]
    return starts, bucket[starts] * width


def _firsts(mask: NDArray[np.bool_], bucket: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first marked row of each bucket."""
    rows = mask.nonzero()[0]
    of = bucket[rows]
    first = np.ones(len(rows), dtype=np.bool_)
    first[1:] = of[1:] != of[:-1]
    return rows[first]


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
        self._waiting: list[tuple[Steps, NDArray[Any]]] = []
        self._newest = 0
        # The newest row, of a per-layer series the newest that holds a number.
        self.last_step: int | None = None
        self.last: Any = None

    def append(self, steps: Steps, values: NDArray[Any]) -> None:
        """Take new rows.

        Raises ValueError, and takes none, when their steps do not rise or begin at a step that was
        taken before: a line through them would run backwards, and means would count rows twice.
        """
        if not len(steps):
            return
        if (self.rows and steps[0] <= self._newest) or (steps[1:] <= steps[:-1]).any():
            before = Message(" after step {newest}", newest=self._newest) if self.rows else ""
            raise ValueError(
                Message(
                    "steps {steps} do not rise{before}; accepted: each step once",
                    steps=_few(steps),
                    before=before,
                )
            )
        self.rows += len(steps)
        self._remember(steps, values)
        # Thinned when points are asked for: of many series only the newest value is shown.
        self._waiting.append((steps, values))
        self._newest = int(steps[-1])
        if sum(len(part) for part, _ in self._waiting) >= WAITING:
            self._settle()

    def _settle(self) -> None:
        if not self._waiting:
            return
        parts = list(zip(*self._waiting, strict=True))
        steps, values = np.concatenate(parts[0]), np.concatenate(parts[1])
        self._waiting = []
        width = self.width_for(POINTS)
        if width > self.width:
            self._widen(width)
        start = int(np.searchsorted(self._steps, int(steps[0]) // self.width * self.width))
        if self._sums is not None:
            self._sums = self._sums.then(Sums.of(steps, values, self.width))
        steps = np.concatenate([self._steps[start:], steps])
        values = np.concatenate([self._values[start:], values])
        steps, values = thin(steps, values, self.width)
        self._steps = np.concatenate([self._steps[:start], steps])
        self._values = np.concatenate([self._values[:start], values])

    def _remember(self, steps: Steps, values: NDArray[Any]) -> None:
        at = len(steps) - 1
        if self.layers and not np.isfinite(values[at]).any():
            # Some profiles are not measured at every row, and a diverged one says nothing.
            told = np.flatnonzero(np.isfinite(values).any(axis=1))
            if not len(told) and self.last is not None:
                return
            at = int(told[-1]) if len(told) else at
        self.last_step, self.last = int(steps[at]), values[at].tolist()

    def width_for(self, points: int) -> int:
        """Steps to a bucket for a reader of so many points."""
        most, each = (COLUMNS, 1) if self.layers else (POINTS, 2)
        wanted = bucket_width(0, self._newest, self.rows, min(points, most), each)
        return max(self.width, wanted)

    def _widen(self, width: int) -> None:
        if not self.layers:
            self._sums = self._sums_at(width)
        self._steps, self._values = thin(self._steps, self._values, width)
        self.width = width

    def _sums_at(self, width: int, step: int = 0) -> Sums:
        """In buckets of a width, from the one on that begins at a step."""
        if self._sums is not None:
            sums = self._sums.since(step)
            return sums if width == self.width else sums.merged(width)
        start = int(np.searchsorted(self._steps, step))
        return Sums.of(self._steps[start:], self._values[start:], width)

    def since(self, step: int, points: int = POINTS) -> Points:
        """The points from the bucket that begins at a step on, the open bucket's among them."""
        self._settle()
        width = self.width_for(points)
        start = int(np.searchsorted(self._steps, step)) if step > 0 else 0
        steps, values = self._steps[start:], self._values[start:]
        if width > self.width:
            steps, values = thin(steps, values, width)
        open_from = self._newest // width * width if width > 1 else self._newest + 1
        means = None
        if width > 1 and not self.layers:
            means = self._sums_at(width, step).means()
            if self.last_step is not None and steps[-1] != self.last_step:
                # The line reaches the newest step.
                steps = np.append(steps, self.last_step)
                values = np.append(values, np.float32(self.last))
        return Points(steps, values, means, width, open_from)


def _few(steps: Steps) -> str:
    return ", ".join(map(str, steps[:4].tolist())) + (", …" if len(steps) > 4 else "")


@dataclass(frozen=True)
class Sums:
    """Of each bucket: its first step, the sum of its finite values and their number."""

    steps: Steps
    total: NDArray[np.float64]
    count: Steps

    @classmethod
    def of(cls, steps: Steps, values: NDArray[Any], width: int) -> Sums:
        """The sums of these rows."""
        if not len(steps):
            return cls(steps, np.zeros(0), steps)
        starts, first = buckets_of(steps, width)
        finite = np.isfinite(values)
        total = np.add.reduceat(np.where(finite, values, 0).astype(np.float64), starts)
        return cls(first, total, np.add.reduceat(finite.astype(np.int64), starts))

    def since(self, step: int) -> Sums:
        """From the bucket on that begins at a step."""
        begin = int(np.searchsorted(self.steps, step)) if step > 0 else 0
        return Sums(self.steps[begin:], self.total[begin:], self.count[begin:])

    def merged(self, width: int) -> Sums:
        """In wider buckets."""
        if not len(self.steps):
            return self
        starts, first = buckets_of(self.steps, width)
        return Sums(first, np.add.reduceat(self.total, starts), np.add.reduceat(self.count, starts))

    def then(self, more: Sums) -> Sums:
        """Followed by others, of which the first may belong to the last bucket."""
        steps, total, count = more.steps, more.total, more.count
        kept = len(self.steps)
        if kept and self.steps[-1] == steps[0]:
            kept -= 1
            total[0] += self.total[kept]
            count[0] += self.count[kept]
        return Sums(
            np.concatenate([self.steps[:kept], steps]),
            np.concatenate([self.total[:kept], total]),
            np.concatenate([self.count[:kept], count]),
        )

    def means(self) -> NDArray[np.float64]:
        """The mean of each bucket; NaN where no value is finite."""
        return np.where(self.count > 0, self.total / np.maximum(self.count, 1), np.nan)
