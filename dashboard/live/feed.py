"""What a run's live views need, kept ready: thinned series that grow and never move.

A series is cut into buckets of steps whose width is a power of two. A finished bucket never
changes; when a run outgrows its points, neighbours are merged two by two and the reader gets all
points anew. A reader's cursor (`segment:width:step:rows`) names the first step of its unfinished
bucket: a reply replaces the reader's points from there on. Rows themselves are not kept.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from core.cache import Cache
from core.files import signature
from core.language import mark, t
from core.lessons import recorded
from core.metrics.holes import sentence
from core.metrics.names import layer_of
from core.metrics.reader import Segments
from core.runs import Run, RunError, RunStore
from core.verdicts.judgement import ABOUT_LOSS
from dashboard.live.metric_stream import CursorError, Difference, News, Stream

HEADLINE = {"loss": "loss/train", "grad": "grad_norm/total", "validation": "loss/validation"}
ALARMS = 40  # the newest, in one reply
# Events that are told, and their level; the first start of a run is not.
MARKED = {
    "alarm": "warning",
    "switch": "switch",
    "start": "restart",
    "fork": "fork",
    "compiled": "note",
    "cohort": "note",
    "node_lost": "warning",
}
RESTARTED = mark("Taken up again from its checkpoint.")
DIFFERENCE = "difference/"  # difference/<run>/<metric>: this run's metric minus that run's

# A feed grows by what is read, and may be asked by several tabs at the same time.
LOCK = threading.RLock()


def store() -> RunStore:
    """The process's runs; ADDNORM_RUNS names the folder."""
    return RunStore()


def opened(id: str, runs: RunStore | None = None) -> Run:
    """The run that a view shows: of the folder, or one that a lesson brought, only to be read.

    `runs` spares looking for the folder of runs. Raises RunError where there is none.
    """
    return recorded.opened(id) if recorded.is_recorded(id) else (runs or store()).open(id)


class Feed:
    """Everything live of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.segments = Segments(run.path / "metrics")
        self._streams: dict[str, Stream] = {}
        self._differences: dict[str, Difference | None] = {}
        self._cadences: dict[str, str] = {}

    def cadence(self, metric: str) -> str | None:
        """The cadence of a metric; None while the run does not have the metric."""
        name, _ = layer_of(metric)
        if name not in self._cadences:
            try:
                self._cadences[name] = self.run.cadence_of(name)[0]
            except KeyError:
                return None
        return self._cadences[name]

    def refresh(self, metrics: Iterable[str]) -> None:
        """Read what is new of these metrics."""
        by_cadence: dict[str, list[str]] = {}
        for metric in metrics:
            if metric.startswith(DIFFERENCE):
                difference = self._difference(metric)
                if difference:
                    difference.refresh()
                continue
            cadence = self.cadence(metric)
            if cadence:
                by_cadence.setdefault(cadence, []).append(metric)
        for cadence, names in by_cadence.items():
            self._stream(cadence).refresh(names)

    def _stream(self, cadence: str) -> Stream:
        if cadence not in self._streams:
            self._streams[cadence] = Stream(self.segments, cadence, self.run.every(cadence))
        return self._streams[cadence]

    def _difference(self, metric: str) -> Difference | None:
        """The stream of a difference; None while one of the two runs lacks the metric."""
        if not self._differences.get(metric):
            other, _, name = metric.removeprefix(DIFFERENCE).partition("/")
            self._differences[metric] = None
            try:
                sides = [self, feed(other)]
            except RunError:
                return None
            cadences = {side.cadence(name) for side in sides}
            if len(cadences) == 1 and (cadence := cadences.pop()):
                segments = [side.segments for side in sides]
                every = math.lcm(*(side.run.every(cadence) for side in sides))
                self._differences[metric] = Difference(segments, cadence, name, every)
        return self._differences[metric]

    def news(self, metric: str, cursor: str, points: int) -> News | None:
        """Points after a cursor; `missing` when the run writes rows without this metric."""
        if metric.startswith(DIFFERENCE):
            difference = self._difference(metric)
            return difference.news(cursor, points) if difference else News.nothing()
        cadence = self.cadence(metric)
        if cadence is None:
            return News.nothing() if self.run.metrics() else None
        return self._stream(cadence).news(metric, cursor, points)

    @property
    def missing(self) -> str:
        """A sentence on the rows that are missing where somebody looks, or nothing."""
        return next(filter(None, (sentence(one.holes) for one in self._streams.values())), "")

    def latest(self, metric: str) -> tuple[int, Any] | None:
        """The newest step of a metric and its value, or None."""
        cadence = self.cadence(metric)
        series = self._stream(cadence).series.get(metric) if cadence else None
        if series is None or series.last_step is None:
            return None
        return series.last_step, series.last

    def events(self, cursor: str) -> dict[str, Any] | None:
        """Alarms and the newest sample after a cursor (`segment:count`). Raises CursorError."""
        events = self.run.events
        starts = next((e.get("segment", 0) for e in reversed(events) if e["kind"] == "start"), 0)
        stand = f"{starts}:{len(events)}"
        if cursor == stand:
            return None
        before, _, count = cursor.partition(":")
        if count and not count.isdecimal():
            raise CursorError(cursor)
        known = int(count) if count and before == str(starts) else 0
        fresh = events[known:]
        first = self.run.first_step
        alarms = [
            [e["step"], e.get("level", MARKED[e["kind"]]), _told(e)]
            for e in fresh
            if e["kind"] in MARKED and (e["kind"] != "start" or e["step"] > first)
        ]
        samples = [[e["step"], e.get("text", "")] for e in fresh if e["kind"] == "sample"]
        news: dict[str, Any] = {"cursor": stand, "from": known}
        if alarms:
            news["alarms"] = alarms[-ALARMS:]
        said = (ABOUT_LOSS[e["name"]] for e in reversed(events) if e.get("name") in ABOUT_LOSS)
        if next(said, False):
            news["stuck"] = True
        if samples:
            news["sample"] = samples[-1]
        return news


def _told(event: Mapping[str, Any]) -> str:
    if event["kind"] == "node_lost":
        return t("{host}, which trained it, was lost.", host=str(event.get("host", "")))
    return t(event.get("text", RESTARTED))


FEEDS: Cache[Feed] = Cache(1000)  # at 250 runs in one tab


def feed(id: str, runs: RunStore | None = None) -> Feed:
    """The feed of a run, kept between ticks. Raises RunError when the run does not exist.

    `runs` spares looking for the folder of runs: a tick asks for many.
    """
    run = opened(id, runs)
    return FEEDS.get(run.prefix, signature(f"{run.prefix}config.json"), lambda: Feed(run))
