"""What a run's live views need, kept ready: thinned series that grow and never move.

A series is cut into buckets of steps whose width is a power of two. A finished bucket never
changes; when a run outgrows its points, neighbours are merged two by two and the reader gets all
points anew. A reader's cursor (`segment:width:step:rows`) names the first step of its unfinished
bucket: a reply replaces the reader's points from there on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.runs import Cursor, Run, RunStore

POINTS = 1000  # of a scalar series: two for each bucket
COLUMNS = 400  # of a per-layer series: one for each bucket
ALWAYS = {"step": ("loss/train", "grad_norm/total"), "evaluation": ("loss/validation",)}
ALARMS = 40  # the newest, in one reply
MARKED = {"alarm": "warning", "switch": "switch"}  # events that charts mark, and their level

# Runs cache what they read and may be asked by the routes and the pages at the same time.
LOCK = threading.RLock()


@cache
def store() -> RunStore:
    """The process's runs; ADDNORM_RUNS names the folder."""
    return RunStore()


@dataclass
class Series:
    """One metric of one run: finished buckets, thinned, and the raw rows of the open one."""

    layers: int
    width: int = 1  # steps to a bucket; 1 keeps every row
    rows: int = 0
    steps: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    open_steps: NDArray[Any] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    open_values: NDArray[Any] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))

    def append(self, steps: NDArray[Any], values: NDArray[Any]) -> None:
        """Take new rows and thin the buckets that they finish."""
        if not len(steps):
            return
        self.rows += len(steps)
        width = self._wanted(int(steps[-1]))
        if width > self.width and self.steps:
            # Merged from their points: the extremes of buckets' extremes are those of their rows.
            steps = np.concatenate([np.array(self.steps), self.open_steps, steps])
            old = np.array(self.values, dtype=np.float32)
            values = np.concatenate([old, self.open_values, values])
            self.steps, self.values = [], []
        elif len(self.open_steps):
            steps = np.concatenate([self.open_steps, steps])
            values = np.concatenate([self.open_values, values])
        self.width = max(width, self.width)
        first_open = int(steps[-1]) // self.width * self.width if self.width > 1 else steps[-1] + 1
        cut = int(np.searchsorted(steps, first_open))
        done_steps, done_values = self._thin(steps[:cut], values[:cut])
        self.steps += done_steps
        self.values += done_values
        self.open_steps, self.open_values = steps[cut:], values[cut:]

    def _wanted(self, last_step: int) -> int:
        """Steps to a bucket, so that all rows up to this step stay within their points."""
        most, each = (COLUMNS, 1) if self.layers else (POINTS, 2)
        width = 1
        if self.rows > most:
            while each * (last_step // width + 1) > most:
                width *= 2
        return width

    def _thin(self, steps: NDArray[Any], values: NDArray[Any]) -> tuple[list[int], list[Any]]:
        if self.width == 1 or not len(steps):
            return steps.tolist(), values.tolist()
        ends = np.flatnonzero(np.diff(steps // self.width)) + 1
        out_steps: list[int] = []
        out_values: list[Any] = []
        for group in np.split(np.arange(len(steps)), ends):
            part = values[group]
            if self.layers:
                out_steps.append(int(steps[group[0]]) // self.width * self.width)
                out_values.append(part.max(axis=0).tolist())  # NaN wins, as it should
                continue
            finite = np.flatnonzero(np.isfinite(part))
            keep = set()
            if len(finite):
                keep |= {int(finite[part[finite].argmin()]), int(finite[part[finite].argmax()])}
            if len(finite) < len(part):
                keep.add(int(np.flatnonzero(~np.isfinite(part))[0]))
            out_steps += [int(steps[group[i]]) for i in sorted(keep)]
            out_values += [float(part[i]) for i in sorted(keep)]
        return out_steps, out_values

    @property
    def open_from(self) -> int:
        """The first step that a reader has to ask for again."""
        if len(self.open_steps):
            return int(self.open_steps[0]) // self.width * self.width
        return self.steps[-1] + 1 if self.steps else 0

    def since(self, step: int) -> tuple[list[int], list[Any]]:
        """All points from a step on, the unfinished bucket's among them."""
        start = int(np.searchsorted(self.steps, step)) if step > 0 else 0
        steps, values = self._thin(self.open_steps, self.open_values)
        if steps and not self.layers and steps[-1] != self.open_steps[-1]:
            steps.append(int(self.open_steps[-1]))  # the line reaches the newest step
            values.append(float(self.open_values[-1]))
        return self.steps[start:] + steps, self.values[start:] + values

    @property
    def last(self) -> Any:
        """The newest value, or None."""
        if len(self.open_values):
            return self.open_values[-1].tolist()
        return self.values[-1] if self.values else None


Files = tuple[tuple[str, int, int], ...]  # name, size and inode: what changes when a file grows


def _files(folder: str) -> Files:
    with os.scandir(folder) as entries:
        return tuple(
            (entry.name, state.st_size, state.st_ino)
            for entry in entries
            if (state := entry.stat())
        )


class Stream:
    """One cadence of a run, read incrementally for every metric that somebody watches."""

    def __init__(self, run: Run, cadence: str) -> None:
        self.run, self.cadence = run, cadence
        self.names: set[str] = set(ALWAYS.get(cadence, ()))
        self.cursor: Cursor | None = None
        self.rows = 0
        self.series: dict[str, Series] = {}
        self._seen: Files = ()

    def refresh(self, names: Iterable[str], files: Files) -> None:
        """Read what is new; a new metric or a new segment reads everything once."""
        if not self.names.issuperset(names):
            self.names |= set(names)
            self.cursor = None
        own = tuple(file for file in files if file[0].startswith(self.cadence))
        if self.cursor is not None and own == self._seen:
            return
        self._seen = own
        wanted = sorted(self.names)
        rows = self.run.rows(self.cadence, wanted, self.cursor)
        if rows.truncate_from is not None or (self.cursor and self.cursor.segment < 0):
            self.cursor = None
            rows = self.run.rows(self.cadence, wanted)
        if self.cursor is None:
            self.series, self.rows = {}, 0
        self.cursor = rows.cursor
        self.rows += len(rows.steps)
        for name in wanted:
            values = rows.columns[name]
            if name not in self.series and len(rows.steps):
                self.series[name] = self._empty(values)
            if name in self.series:
                self.series[name].append(rows.steps, values)

    def _empty(self, values: NDArray[Any]) -> Series:
        layers = values.shape[1] if values.ndim == 2 else 0
        return Series(layers, open_values=np.zeros((0, layers) if layers else 0, dtype=np.float32))

    def news(self, name: str, cursor: str) -> dict[str, Any] | None:
        """Points after a cursor and the next cursor; None when there is nothing new."""
        series = self.series.get(name)
        if series is None or self.cursor is None:
            return None
        segment, width, start, known = _parse(cursor)
        if segment == self.cursor.segment and known == self.rows:
            return None
        if width != series.width:
            start = 0
        elif 0 <= segment < self.cursor.segment:
            # Only the first steps of the later segments matter here.
            later = self.run.rows(self.cadence, [], Cursor(segment, 2**62)).truncate_from
            start = min(start, start if later is None else later // series.width * series.width)
        elif segment != self.cursor.segment:
            start = 0
        steps, values = series.since(start)
        return {
            "from": start,
            "steps": steps,
            "values": values,
            "cursor": f"{self.cursor.segment}:{series.width}:{series.open_from}:{self.rows}",
        }


def _parse(cursor: str) -> tuple[int, int, int, int]:
    """`segment:width:step:rows`; raises ValueError on anything else but the empty cursor."""
    if not cursor:
        return -1, 0, 0, 0
    try:
        segment, width, step, rows = (int(part) for part in cursor.split(":"))
    except ValueError:
        raise ValueError(f"{cursor!r} is no cursor of this server; leave it empty") from None
    return segment, width, step, rows


class Feed:
    """Everything live of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.streams = {c: Stream(run, c) for c in ("step", "probe", "evaluation")}
        self._cadences: dict[str, str] = {"seconds": "step"}
        self._metrics = str(run.path / "metrics")
        self._config = str(run.path / "config.json")

    @property
    def exists(self) -> bool:
        """Whether the run is still there."""
        return os.path.exists(self._config)

    def cadence(self, metric: str) -> str | None:
        """Where a metric lives; None while the run has no such metric."""
        if metric not in self._cadences:
            try:
                self._cadences[metric] = self.run.cadence_of(metric)[0]
            except KeyError:
                return None
        return self._cadences[metric]

    def refresh(self, metrics: Iterable[str]) -> None:
        """Read what is new of these metrics and of those that every reply carries."""
        by_cadence: dict[str, list[str]] = {"step": [], "evaluation": []}
        for metric in metrics:
            cadence = self.cadence(metric)
            if cadence:
                by_cadence.setdefault(cadence, []).append(metric)
        files = _files(self._metrics)
        for cadence, names in by_cadence.items():
            self.streams[cadence].refresh(names, files)

    def news(self, metric: str, cursor: str) -> dict[str, Any] | None:
        """See :meth:`Stream.news`; `missing` when the run writes rows without this metric."""
        cadence = self.cadence(metric)
        if cadence is None:
            return {"missing": True} if self.streams["step"].rows else None
        return self.streams[cadence].news(metric, cursor)

    def latest(self, metric: str) -> Any:
        """The newest value of a metric, or None."""
        cadence = self.cadence(metric)
        series = self.streams[cadence].series.get(metric) if cadence else None
        return series.last if series else None

    def last_step(self, metric: str) -> int | None:
        """The step of the newest row of a metric."""
        cadence = self.cadence(metric)
        series = self.streams[cadence].series.get(metric) if cadence else None
        if series is None:
            return None
        if len(series.open_steps):
            return int(series.open_steps[-1])
        return series.steps[-1] if series.steps else None

    def events(self, cursor: str) -> dict[str, Any] | None:
        """Alarms and the newest sample after a cursor (`segment:count`)."""
        events = self.run.events
        starts = next((e.get("segment", 0) for e in reversed(events) if e["kind"] == "start"), 0)
        mark = f"{starts}:{len(events)}"
        if cursor == mark:
            return None
        before, _, count = cursor.partition(":")
        known = int(count) if count and before == str(starts) else 0
        fresh = events[known:]
        alarms = [
            [e["step"], e.get("level", MARKED[e["kind"]]), e.get("text", "")]
            for e in fresh
            if e["kind"] in MARKED
        ]
        samples = [[e["step"], e.get("text", "")] for e in fresh if e["kind"] == "sample"]
        news: dict[str, Any] = {"cursor": mark, "from": known}
        if alarms:
            news["alarms"] = alarms[-ALARMS:]
        if samples:
            news["sample"] = samples[-1]
        return news


_FEEDS: dict[str, Feed] = {}


def feed(id: str) -> Feed:
    """The feed of a run, kept between ticks. Raises RunError when the run does not exist."""
    if id in _FEEDS and _FEEDS[id].exists:
        return _FEEDS[id]
    _FEEDS.pop(id, None)
    _FEEDS[id] = Feed(store().open(id))
    return _FEEDS[id]
