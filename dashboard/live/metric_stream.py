"""Metrics of a run as they grow: what is new for a reader, and one run's metric minus another's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.downsample import Points, Series
from core.metrics.holes import broken, holes
from core.metrics.names import layer_of
from core.metrics.reader import Reader, Rows, Segments


def of_layer(appended: Rows, metric: str) -> NDArray[Any] | None:
    """The values of a metric, of one layer where it names one; None where they do not exist."""
    column, layer = layer_of(metric)
    values = appended.columns.get(column)
    if values is None or layer is None:
        return values
    return values[:, layer] if values.ndim == 2 and layer < values.shape[1] else None


class CursorError(ValueError):
    """The reader sent a cursor that this server did not give: a mistake of the reader."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"{cursor!r} is not a cursor of this server; leave it empty")


@dataclass(frozen=True)
class News:
    """What replaces a reader's points from step `start` on; no points: there is no such metric."""

    points: Points | None
    start: int = 0
    cursor: str = ""

    @classmethod
    def nothing(cls) -> News:
        """Rows are written, but this metric is not among them."""
        return cls(None)

    @classmethod
    def after(
        cls, cursor: str, series: Series, segment: int, firsts: dict[int, int], points: int
    ) -> News | None:
        """What is new after a cursor, or None; `firsts` has the first step of each segment."""
        before, width, start, known = _parse(cursor)
        wanted = series.width_for(points)
        if (before, width, known) == (segment, wanted, series.rows):
            return None
        if width != wanted:
            start = 0
        elif 0 <= before < segment:
            # Only the first steps of the later segments matter here.
            later = min((first for number, first in firsts.items() if number > before), default=0)
            start = min(start, later // wanted * wanted)
        elif before != segment:
            start = 0
        found = series.since(start, points)
        return cls(found, start, f"{segment}:{wanted}:{found.open_from}:{series.rows}")


def _parse(cursor: str) -> tuple[int, int, int, int]:
    """`segment:width:step:rows`; raises CursorError on anything else but the empty one."""
    if not cursor:
        return -1, 0, 0, 0
    try:
        segment, width, step, rows = (int(part) for part in cursor.split(":"))
    except ValueError:
        raise CursorError(cursor) from None
    return segment, width, step, rows


class Stream:
    """One cadence of a run, read as it grows for every metric that somebody watches."""

    def __init__(self, segments: Segments, cadence: str, every: int = 0) -> None:
        self.segments, self.cadence, self.every = segments, cadence, every
        self.holes: list[tuple[int, int]] = []
        self._newest: dict[str, int] = {}  # of each metric
        self._last: int | None = None  # of all rows
        self.series: dict[str, Series] = {}
        # A metric that is asked for later gets a reader of its own until it has caught up. Each
        # metric belongs to one reader, in the order in which they were asked for.
        self._readers: list[tuple[Reader, dict[str, None]]] = []

    def refresh(self, metrics: Iterable[str]) -> None:
        """Read what is new; a new metric or a new segment is read from its start, once.

        Several views may ask for one metric: it is watched once, however often it is named.
        """
        watched = {metric for _, known in self._readers for metric in known}
        missing = dict.fromkeys(metric for metric in metrics if metric not in watched)
        if missing:
            columns = sorted({layer_of(metric)[0] for metric in missing})
            self._readers.append((Reader(self.segments, self.cadence, columns), missing))
        for reader, known in self._readers:
            appended = reader.read()
            if appended is not None:
                self._take(known, appended)
        if len(self._readers) > 1 and len({reader.cursor for reader, _ in self._readers}) == 1:
            (first, known), *others = self._readers
            for reader, more in others:
                first.join(reader)
                known |= more
            self._readers = [(first, known)]

    def _take(self, metrics: Iterable[str], appended: Rows) -> None:
        for metric in metrics:
            if appended.anew:
                self.series.pop(metric, None)
                self._newest.pop(metric, None)
            values = of_layer(appended, metric)
            if values is None or not len(appended.steps):
                continue
            if metric not in self.series:
                self.series[metric] = Series(values.shape[1] if values.ndim == 2 else 0)
            before = self._newest.get(metric)
            steps, values = broken(appended.steps, values, self.every, before)
            self._newest[metric] = int(steps[-1])
            self.series[metric].append(steps, values)
        self._note(appended)

    def _note(self, appended: Rows) -> None:
        """Remember which rows are missing, for people."""
        steps = appended.steps
        if appended.anew:
            self.holes, self._last = [], None
        if not len(steps) or (self._last is not None and steps[-1] <= self._last):
            return  # another reader of these rows has told
        if self._last is not None and steps[0] <= self._last:
            steps = steps[steps > self._last]
        self.holes += holes(steps, self.every, self._last)
        self._last = int(steps[-1])

    def news(self, metric: str, cursor: str, points: int) -> News | None:
        """Points after a cursor and the next cursor; None when there is nothing new."""
        series = self.series.get(metric)
        if series is None:
            return None
        reader = next(reader for reader, known in self._readers if metric in known)
        return News.after(cursor, series, reader.cursor.segment, reader.firsts, points)


class Difference:
    """One run's metric minus another's, at the steps that both have; broken at holes of either.

    `every` are the steps from one such row to the next, 0 where they come at no interval.
    """

    def __init__(self, segments: list[Segments], cadence: str, metric: str, every: int = 0) -> None:
        self._segments, self._cadence, self._metric = segments, cadence, metric
        self._every = every
        self._begun = 0
        self._begin()

    def _begin(self) -> None:
        column, _ = layer_of(self._metric)
        self._readers = [Reader(one, self._cadence, [column]) for one in self._segments]
        # Rows of one run that wait for the other's.
        self._waiting: list[tuple[NDArray[Any], NDArray[Any]]] = [
            (np.zeros(0, dtype=np.int64), np.zeros(0)) for _ in self._readers
        ]
        self.series = Series(0)
        self._last: int | None = None

    def refresh(self) -> None:
        """Read what is new of both; a run that was taken up again begins both anew."""
        found = [reader.read() for reader in self._readers]
        if self._begun and any(part is not None and part.anew for part in found):
            self._begin()
            found = [reader.read() for reader in self._readers]
        if any(part is not None and part.anew for part in found):
            self._begun += 1
        for side, part in enumerate(found):
            values = of_layer(part, self._metric) if part else None
            if part and values is not None and values.ndim == 1:
                steps, before = self._waiting[side]
                self._waiting[side] = (
                    np.concatenate([steps, part.steps]),
                    np.concatenate([before, values]),
                )
        (steps, values), (others, subtracted) = self._waiting
        both, here, there = np.intersect1d(steps, others, assume_unique=True, return_indices=True)
        if len(both):
            with np.errstate(invalid="ignore"):
                apart = values[here] - subtracted[there]
            self.series.append(*broken(both, apart, self._every, self._last))
            self._last = int(both[-1])
            self._waiting = [(s[s > both[-1]], v[s > both[-1]]) for s, v in self._waiting]

    def news(self, cursor: str, points: int) -> News | None:
        """The points since a cursor, as :meth:`Stream.news` gives them."""
        if not self.series.rows:
            return None
        return News.after(cursor, self.series, self._begun, {}, points)
