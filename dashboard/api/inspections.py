"""Questions to trained networks: where they stand, what they stream, what they answered."""

from __future__ import annotations

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from core.config import layers
from core.jobs import inspections
from core.jobs.inspections import Inspection
from core.language import t
from dashboard.api.answers import FRESH, as_json, binary, number, rounded, route
from dashboard.api.replies import Standing, Stream
from dashboard.live.feed import store

MOST_ITEMS = 400  # of a stream, in one reply


def _asked(request: Request) -> Inspection:
    """The question of the address. Raises RunError where there is none."""
    path = request.path_params
    return inspections.find(store().open(path["run"]), path["id"])


def _standing(inspection: Inspection) -> Standing:
    """State, progress from 0 to 1, and one sentence, layers counted from 1 as on all pages.

    Progress is told so already; a refusal is one of the library, which counts from 0.
    """
    record = inspection.record
    return {
        "state": record.state,
        "progress": rounded(record.progress, 3),
        "message": t(
            layers.sentence(record.message) if record.state == "failed" else record.message
        ),
    }


@route
def state(request: Request) -> Response:
    """Where a question stands."""
    return as_json(_standing(_asked(request)))


@route
def stream(request: Request) -> Response:
    """The objects streamed from item `?since=` on, the number to ask for next, and the state.

    The state is read first: when it says that the work has ended, the items are the last ones.
    """
    inspection = _asked(request)
    since = max(number(request, "since", 0), 0)
    standing = _standing(inspection)
    found = inspection.stream(since)
    items = found[:MOST_ITEMS]
    more = len(found) > len(items)
    reply: Stream = {**standing, "items": items, "next": since + len(items), "more": more}
    return as_json(reply)


@route
def result(request: Request) -> Response:
    """The answer as its kind's module describes it; 404 with a sentence until it is there."""
    return as_json(_asked(request).result)


@route
def array(request: Request) -> Response:
    """One array of the answer, as little-endian bytes; `X-Shape` its shape, `X-Type` its type."""
    found = _asked(request).array(request.path_params["name"])
    wide = "<f4" if found.dtype == np.float16 else found.dtype.newbyteorder("<")
    reply = binary(np.ascontiguousarray(found.astype(wide)))
    # The same question may be asked anew after its answer was thrown away.
    reply.headers["Cache-Control"] = FRESH["Cache-Control"]
    reply.headers["X-Type"] = np.dtype(wide).str
    return reply
