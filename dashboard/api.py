"""Read-only routes that the live views pull from.

Route functions are plain `def`s: Starlette runs them in threads, so reading files never holds up
the event loop.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from core.runs import Run, RunError
from core.runs.series import bucket_size, buckets
from dashboard import assets
from dashboard.guard import Guard
from dashboard.live import LOCK, Feed, feed, store
from dashboard.shell import Shell

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
FRESH = {"Cache-Control": "no-store"}
ACTIVE = {"starting": "training", "running": "training", "paused": "paused", "queued": "waiting"}
THUMBNAIL = 32
MOST_RUNS = 250


class BadRequestError(ValueError):
    """What was asked makes no sense; the sentence says what would."""


def _json(value: Any, status: int = 200) -> Response:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(text, status, FRESH, media_type="application/json")


def _route(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Errors become one sentence: 404 for what does not exist, 400 for what can't be meant."""

    @wraps(answer)
    def guarded(request: Request) -> Response:
        try:
            return answer(request)
        except (KeyError, RunError) as error:
            return _json({"error": str(error.args[0])}, 404)
        except ValueError as error:
            return _json({"error": str(error)}, 400)

    return guarded


def _words(request: Request, name: str) -> list[str]:
    return [w for w in request.query_params.get(name, "").split(",") if w]


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    try:
        return int(text) if text else default
    except ValueError:
        raise BadRequestError(f"{name} is {text!r}; accepted: a whole number") from None


def rounded(value: Any, digits: int = 6) -> Any:
    """A number, or a row of them, as short as it can be said; null where it is not finite."""
    if isinstance(value, list):
        return [rounded(v, digits) for v in value]
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


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


@_route
def live(request: Request) -> Response:
    """One reply for everything that a tab shows: ?runs= &since= &metrics= &latest= and, for the
    runs in &focus=, &layers=."""
    ids, since = _words(request, "runs"), request.query_params.get("since", "").split(",")
    if len(ids) > MOST_RUNS:
        raise BadRequestError(f"{len(ids)} runs asked for; accepted: at most {MOST_RUNS}")
    metrics, latest = _words(request, "metrics"), _words(request, "latest")
    focus, layers = _words(request, "focus"), _words(request, "layers")
    since += [""] * (len(ids) - len(since))
    with LOCK:
        runs = [
            _live_run(
                id, mark.split("~"), metrics + (layers if id in focus else []), latest, id in focus
            )
            for id, mark in zip(ids, since, strict=False)
        ]
        return _json({"counts": _counts(), "runs": runs})


@_route
def series(request: Request) -> Response:
    """Points of one metric in a range of steps, exact when they are few."""
    query = request.query_params
    most = min(max(_number(request, "points", 1000), 2), 4000)
    low, high = _number(request, "from", 0), _number(request, "to", 2**62)
    with LOCK:
        run = store().open(query.get("run", ""))
        steps, values = run.series(query.get("metric", ""))
    inside = slice(*np.searchsorted(steps, [low, high + 1]).tolist())
    steps, values = steps[inside], values[inside]
    steps, values = buckets(steps, values, bucket_size(len(steps), most))
    return _json(
        _points({"from": low, "steps": steps.tolist(), "values": values.tolist(), "cursor": ""})
    )


@_route
def snapshots(request: Request) -> Response:
    """The steps at which a run's attention was kept."""
    return _json({"steps": store().open(request.path_params["run"]).snapshots.steps})


def thumbnails(pattern: NDArray[Any]) -> NDArray[np.uint8]:
    """(L, H, T, T) attention as at most 32 x 32 bytes a head: the largest value of each patch."""
    size = pattern.shape[-1]
    patch = -(-size // THUMBNAIL)
    small = -(-size // patch)
    padded = np.zeros((*pattern.shape[:2], small * patch, small * patch), dtype=np.float32)
    padded[..., :size, :size] = pattern
    top = padded.reshape(*pattern.shape[:2], small, patch, small, patch).max(axis=(3, 5))
    return np.asarray(np.sqrt(np.clip(np.nan_to_num(top), 0, 1)) * 255 + 0.5, dtype=np.uint8)


def _binary(array: NDArray[Any]) -> Response:
    shape = ",".join(str(n) for n in array.shape)
    return Response(array.tobytes(), 200, {**FOREVER, "X-Shape": shape}, "application/octet-stream")


@_route
def attention_grid(request: Request) -> Response:
    """Thumbnails of every head at one step."""
    run = store().open(request.path_params["run"])
    return _binary(thumbnails(run.snapshots.pattern(request.path_params["step"])))


@_route
def attention_head(request: Request) -> Response:
    """One whole head at one step, float32."""
    path = request.path_params
    pattern = store().open(path["run"]).snapshots.pattern(path["step"])
    layer, head = path["layer"], path["head"]
    if layer >= pattern.shape[0] or head >= pattern.shape[1]:
        raise KeyError(
            f"no layer {layer}, head {head}; the run has {pattern.shape[0]} layers of"
            f" {pattern.shape[1]} heads, counted from 0"
        )
    return _binary(pattern[layer, head].astype("<f4"))


@_route
def asset(request: Request) -> Response:
    """plotly.js and the live views' module."""
    content = assets.compressed(request.url.path)
    if content is None:
        raise KeyError("there is no such file; reload the page for the current one")
    headers = {**FOREVER, "Content-Encoding": "gzip"}
    return Response(content, 200, headers, "text/javascript")


ROUTES: list[BaseRoute] = [
    Route("/api/live", live),
    Route("/api/series", series),
    Route("/api/attention/{run}", snapshots),
    Route("/api/attention/{run}/{step:int}", attention_grid),
    Route("/api/attention/{run}/{step:int}/{layer:int}/{head:int}", attention_head),
    Route("/api/assets/{name}", asset),
]
MIDDLEWARE = [Middleware(Guard), Middleware(Shell)]
