"""One reply a second for everything that a tab shows."""

from __future__ import annotations

import logging
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from core.cache import Cache
from core.jobs import elsewhere
from core.jobs.grid_progress import at_work
from core.language import Message, mark, t
from core.metrics.limits import POINTS, RUNS
from core.runs import Run, RunError, RunStore, small_files
from core.runs.status import Status
from core.verdicts.labels import LIVE
from dashboard.api.answers import (
    BadRequestError,
    as_json,
    points_of,
    rounded,
    route,
    shortened,
    words,
)
from dashboard.api.replies import (
    Counts,
    Events,
    Gone,
    Headline,
    Live,
    LiveRun,
    Missing,
    Points,
)
from dashboard.live import queue
from dashboard.live.facts import together
from dashboard.live.feed import HEADLINE, LOCK, Feed, feed, store
from dashboard.live.metric_stream import CursorError, News

Word = Literal["training", "paused", "waiting"]
ACTIVE: dict[str, Word] = {
    "starting": "training",
    "running": "training",
    "paused": "paused",
    "queued": "waiting",
}
DAMAGED = mark("its files are damaged; delete it or bring them back from a copy")


def _said(value: Any) -> Headline:
    """A headline number: a word where it is not finite, because the reader should know which."""
    if value is None or math.isfinite(value):
        return cast("float | None", rounded(value))
    return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"


def _points(news: News) -> Points | Missing:
    """Points as JSON: steps as differences, which are one digit where the steps are nine."""
    found = news.points
    if found is None:
        return {"missing": True}
    said: Points = {
        "from": news.start,
        "s": np.diff(found.steps, prepend=0).tolist(),
        "v": shortened(found.values, 6 if found.values.ndim == 1 else 4),
        "c": news.cursor,
    }
    if found.means is not None:
        said["w"], said["a"] = found.width, shortened(found.means, 6)
    return said


@dataclass(frozen=True)
class _Asked:
    """What a view wants of one run; cursors in the order of events, then each metric."""

    id: str
    since: list[str]
    metrics: list[str]
    latest: list[str]
    points: int
    headline: bool
    snapshot: bool


def _live_run(runs: RunStore, asked: _Asked) -> LiveRun | Gone:
    with LOCK:  # one run at a time, so that pages are not held up by 250
        try:
            source = feed(asked.id, runs)
            # Before its rows: an ended run is not asked again, so its last rows have to be with it.
            record = source.run.record
            source.refresh(
                [*asked.metrics, *asked.latest, *(HEADLINE.values() if asked.headline else ())]
            )
            return _state(source, record, asked)
        except CursorError:
            raise
        except (RunError, OSError):
            return {"gone": True}
        except Exception:  # one damaged run must not take the others of the tab with it
            logging.exception("run %s", asked.id)
            return {"state": "failed", "step": 0, "steps": 0, "message": t(DAMAGED)}


def _where(run: Run, record: Status) -> str:
    """Of a run that trains elsewhere, or as several processes: where, and how many."""
    if record.state not in LIVE:
        return ""
    where, who = elsewhere.named(run.where), together(run)
    if where and who:
        return Message("It trains on {host}, {processes}.", host=where, processes=who)
    if who:
        return Message("It trains as {processes}.", processes=who)
    return Message("It trains on {host}.", host=where) if where else ""


def _state(source: Feed, record: Status, asked: _Asked) -> LiveRun:
    reply: LiveRun = {"state": record.state, "step": record.step, "steps": record.steps}
    optional = {
        "rate": rounded(record.tokens_per_second, 5),
        "left": rounded(record.seconds_left, 4),
        "place": t(queue.words(source.run.id)) if record.state == "queued" else "",
        "message": t(record.message or source.missing or _where(source.run, record)),
    }
    if asked.headline:
        found = {word: source.latest(metric) for word, metric in HEADLINE.items()}
        optional |= {word: _said(row[1]) for word, row in found.items() if row}
    reply |= cast(LiveRun, {k: v for k, v in optional.items() if v not in (None, "")})
    cursors = dict(zip(["", *asked.metrics], asked.since, strict=False))
    events = source.events(cursors.get("", ""))
    if events:
        reply["events"] = cast(Events, events)
    news = {m: source.news(m, cursors.get(m, ""), asked.points) for m in asked.metrics}
    points = {m: _points(n) for m, n in news.items() if n}
    if points:
        reply["m"] = points
    rows = {m: source.latest(m) for m in asked.latest}
    if any(rows.values()):
        reply["latest"] = {m: (row[0], rounded(row[1], 4)) for m, row in rows.items() if row}
    if asked.snapshot:
        steps = source.run.snapshots.steps
        if steps:
            reply["snapshot"] = steps[-1]
    return reply


COUNT_EVERY = 1.5  # seconds, for all tabs
COUNTS: Cache[Counts] = Cache(8)


def _counts(root: Path) -> Counts:
    """How many runs train, pause and wait, and the grids that are at work."""
    return COUNTS.get(root, time.monotonic() // COUNT_EVERY, lambda: _counted(root))


def _counted(root: Path) -> Counts:
    found: Counts = {"training": 0, "paused": 0, "waiting": 0}
    active = []
    for name in RunStore(root).names():
        prefix = f"{root}/{name}/"
        if small_files.status(prefix).state not in ACTIVE:
            continue  # most of thousands of runs; the others are looked at more closely
        if (word := ACTIVE.get(Run(root / name).status)) and os.path.exists(f"{prefix}config.json"):
            found[word] += 1
            active.append(name)
    if grids := at_work(RunStore(root), active):
        found["grids"] = grids
    return found


def _own(request: Request) -> dict[int, list[str]]:
    """`?own=3~metric~metric,...`: metrics of single runs, by their place in `runs`."""
    parts = [word.split("~") for word in words(request, "own")]
    try:
        return {int(place): metrics for place, *metrics in parts}
    except ValueError:
        raise BadRequestError("own is not of the form place~metric~metric,...") from None


@route
def live(request: Request) -> Response:
    """One reply for everything that a tab shows.

    ?runs= &since= &metrics= &latest= &points= (of a scalar series, a power of two) and, for the
    runs in &focus=, &layers=; &headline= names runs whose newest losses are shown; &own= metrics
    of single runs.
    """
    ids, since = words(request, "runs"), request.query_params.get("since", "").split(",")
    if len(ids) > RUNS:
        raise BadRequestError(f"{len(ids)} runs asked for; accepted: at most {RUNS}")
    metrics, latest = words(request, "metrics"), words(request, "latest")
    focus, layers = set(words(request, "focus")), words(request, "layers")
    headline, own = set(words(request, "headline")), _own(request)
    points = points_of(request, POINTS, POINTS)
    since += [""] * (len(ids) - len(since))
    asked = [
        _Asked(
            id,
            since[place].split("~"),
            [*metrics, *(layers if id in focus else ()), *own.get(place, ())],
            latest,
            points,
            headline=id in headline,
            snapshot=id in focus,
        )
        for place, id in enumerate(ids)
    ]
    folder = store()
    runs = [_live_run(folder, one) for one in asked]
    reply: Live = {"counts": _counts(folder.root), "runs": runs}
    return as_json(reply, request=request)
