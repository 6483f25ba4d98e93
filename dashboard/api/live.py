"""One reply a second for everything that a tab shows, and the exact points of a zoom."""

from __future__ import annotations

import math
import os
import time
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from core.runs import Run, RunError
from core.runs.series import bucket_size, buckets
from dashboard.api.answers import BadRequestError, as_json, number, rounded, route, words
from dashboard.live import LOCK, Feed, feed, store

ACTIVE = {"starting": "training", "running": "training", "paused": "paused", "queued": "waiting"}
MOST_RUNS = 250


def _said(value: Any) -> Any:
    """A headline number: a word where it is not finite, because the reader should know which."""
    if value is None or math.isfinite(value):
        return rounded(value)
    return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"


def _points(news: dict[str, Any]) -> dict[str, Any]:
    """Points as JSON: steps as differences, which are one digit where the steps are nine."""
    if "missing" in news:
        return news
    steps, values = news["steps"], news["values"]
    layered = bool(values) and isinstance(values[0], list)
    return {
        "from": news["from"],
        "s": [b - a for a, b in zip([0, *steps[:-1]], steps, strict=True)],
        "v": [rounded(v, 4 if layered else 6) for v in values],
        "c": news["cursor"],
    }


def _live_run(
    id: str, since: list[str], metrics: list[str], latest: list[str], focus: bool
) -> dict[str, Any]:
    try:
        source = feed(id)
        source.refresh([*metrics, *latest])
        return _state(source, since, metrics, latest, focus)
    except (RunError, OSError):
        return {"gone": True}


def _state(
    source: Feed, since: list[str], metrics: list[str], latest: list[str], focus: bool
) -> dict[str, Any]:
    record = source.run.record
    reply: dict[str, Any] = {"state": record.state, "step": record.step, "steps": record.steps}
    optional = {
        "rate": rounded(record.tokens_per_second, 5),
        "left": rounded(record.seconds_left, 4),
        "message": record.message,
        "loss": _said(source.latest("loss/train")),
        "grad": _said(source.latest("grad_norm/total")),
        "validation": _said(source.latest("loss/validation")),
    }
    reply |= {k: v for k, v in optional.items() if v not in (None, "")}
    # Cursors come in the order of what is asked: events, then each metric.
    cursors = dict(zip(["", *metrics], since, strict=False))
    events = source.events(cursors.get("", ""))
    if events:
        reply["events"] = events
    points = {m: source.news(m, cursors.get(m, "")) for m in metrics}
    if any(points.values()):
        reply["m"] = {m: _points(p) for m, p in points.items() if p}
    rows = {m: [source.last_step(m), rounded(source.latest(m), 4)] for m in latest}
    if any(row[0] is not None for row in rows.values()):
        reply["latest"] = {m: row for m, row in rows.items() if row[0] is not None}
    if focus:
        steps = source.run.snapshots.steps
        if steps:
            reply["snapshot"] = steps[-1]
    return reply


class _Counts:
    """How many runs train, pause and wait, counted at most every other second for all tabs."""

    def __init__(self) -> None:
        self.at = 0.0
        self.value: dict[str, int] = {}
        # An ended run stays so until its status changes.
        self._ended: dict[str, int] = {}
        self._runs: dict[str, Run] = {}

    def __call__(self) -> dict[str, int]:
        if time.monotonic() - self.at < 1.5:
            return self.value
        found = {"training": 0, "paused": 0, "waiting": 0}
        root = str(store().root)
        try:
            names = os.listdir(root)
        except OSError:
            names = []  # nothing was ever trained
        for name in names:
            word = ACTIVE.get(self._state(name, f"{root}/{name}/status.json") or "")
            if word:
                found[word] += 1
        self.value, self.at = found, time.monotonic()
        return found

    def _state(self, id: str, path: str) -> str | None:
        try:
            stamp = os.stat(path).st_mtime_ns
            if self._ended.get(id) == stamp:
                return None
            run = self._runs.get(id) or self._runs.setdefault(id, store().open(id))
        except (OSError, RunError):
            return None
        state = run.status
        if state not in ACTIVE and not run.alive:
            self._ended[id] = stamp
        return state


_counts = _Counts()


@route
def live(request: Request) -> Response:
    """One reply for everything that a tab shows: ?runs= &since= &metrics= &latest= and, for the
    runs in &focus=, &layers=."""
    ids, since = words(request, "runs"), request.query_params.get("since", "").split(",")
    if len(ids) > MOST_RUNS:
        raise BadRequestError(f"{len(ids)} runs asked for; accepted: at most {MOST_RUNS}")
    metrics, latest = words(request, "metrics"), words(request, "latest")
    focus, layers = words(request, "focus"), words(request, "layers")
    since += [""] * (len(ids) - len(since))
    with LOCK:
        runs = [
            _live_run(
                id, mark.split("~"), metrics + (layers if id in focus else []), latest, id in focus
            )
            for id, mark in zip(ids, since, strict=False)
        ]
        return as_json({"counts": _counts(), "runs": runs})


@route
def series(request: Request) -> Response:
    """Points of one metric in a range of steps, exact when they are few."""
    query = request.query_params
    most = min(max(number(request, "points", 1000), 2), 4000)
    low, high = number(request, "from", 0), number(request, "to", 2**62)
    with LOCK:
        run = store().open(query.get("run", ""))
        steps, values = run.series(query.get("metric", ""))
    inside = slice(*np.searchsorted(steps, [low, high + 1]).tolist())
    steps, values = steps[inside], values[inside]
    steps, values = buckets(steps, values, bucket_size(len(steps), most))
    return as_json(
        _points({"from": low, "steps": steps.tolist(), "values": values.tolist(), "cursor": ""})
    )
