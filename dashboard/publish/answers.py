"""What the dashboard's own routes answer about runs, asked once, for a page without them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from core.catalogue.entry import Entry
from core.language import Message
from core.metrics import limits
from core.runs import RunError
from dashboard.api import attention_bytes, inspections, live, points
from dashboard.api.answers import Route

FOR_NOW = ("rate", "left", "place")  # of a run at work: true only at the moment of asking
ZOOMED = ("loss/train", "loss/validation", "grad_norm/total")  # kept as fine as a zoom asks for
MOST_ZOOMED = 40  # runs, of which they are


def asked(route: Route, path: dict[str, Any] | None = None, **query: str) -> Any:
    """The JSON that a route answers. Raises RunError with its sentence where it refuses."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "query_string": urlencode(query).encode(),
        "path_params": path or {},
    }
    reply: Response = route(Request(scope))
    content = orjson.loads(bytes(reply.body))
    if reply.status_code != 200:
        raise RunError(Message("{error}", error=content["error"]))
    return content


def known(entry: Entry, names: Iterable[str]) -> list[str]:
    """Those of the metrics that a run has."""
    found = entry.summary.metrics
    return [name for name in dict.fromkeys(names) if name in found]


def of_run(
    entry: Entry,
    curves: Sequence[str],
    layered: Sequence[str],
    count: int,
    also: Sequence[str] = (),
) -> dict[str, Any]:
    """What the page may ask about a run: `live` as the poller hears it, `ranges` for zooms and the
    step under the cursor.

    `curves` and `layered` are metrics that charts draw, `also` more of this run alone; `count` is
    how many runs the page has, by which series are thinned as on the page Compare.
    """
    drawn = [*known(entry, curves), *known(entry, layered), *also]
    told = asked(
        live.live,
        runs=entry.id,
        headline=entry.id,
        focus=entry.id,
        metrics=",".join(drawn),
        latest=",".join(known(entry, layered)),
        points=str(limits.points_for(count)),
    )["runs"][0]
    fine = known(entry, layered) + (known(entry, ZOOMED) if count <= MOST_ZOOMED else [])
    ranges = {
        metric: asked(points.series, run=entry.id, metric=metric, points=str(limits.RANGE_POINTS))
        for metric in fine
    }
    return {"live": {k: v for k, v in told.items() if k not in FOR_NOW}, "ranges": ranges}


def of_question(run: str, id: str) -> dict[str, Any]:
    """A question to a checkpoint that was answered: its state, all of its stream, its result."""
    path = {"run": run, "id": id}
    stream: dict[str, Any] = asked(inspections.stream, path, since="0")
    while stream["more"]:
        more = asked(inspections.stream, path, since=str(stream["next"]))
        stream = {**more, "items": [*stream["items"], *more["items"]]}
    return {"stream": stream, "result": asked(inspections.result, path)}


def of_snapshots(run: str) -> dict[str, Any]:
    """The steps at which attention was kept, and their stamps."""
    found: dict[str, Any] = asked(attention_bytes.snapshots, {"run": run})
    return found


def of_scores(run: str, step: int) -> dict[str, Any]:
    """The scores of every head at such a step."""
    found: dict[str, Any] = asked(attention_bytes.scores, {"run": run, "source": str(step)})
    return found
