"""Read-only routes that the live views pull from; one module for each subject.

Route functions are plain `def`s: Starlette runs them in threads, so reading files never holds up
the event loop.
"""

from __future__ import annotations

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from core.language import Message, catalogue, known
from dashboard.api import attention_bytes, cells, inspections, live, points
from dashboard.api.answers import FOREVER, as_json, route
from dashboard.web import assets
from dashboard.web.access import Door
from dashboard.web.host_guard import Guard
from dashboard.web.index_page import Shell
from dashboard.web.reader import Named
from dashboard.web.security_headers import SecurityHeaders
from dashboard.web.spoken import Spoken
from dashboard.web.static_files import Statics


@route
def asset(request: Request) -> Response:
    """plotly.js and the live views' modules."""
    content = assets.compressed(request.url.path)
    if content is None:
        raise KeyError(Message("there is no such file; reload the page for the current one"))
    headers = {**FOREVER, "Content-Encoding": "gzip"}
    return Response(content, 200, headers, "text/javascript")


@route
def language(request: Request) -> Response:
    """The translations of a language, `{template: [form, ...]}`, for what the browser says."""
    name = known(request.path_params["language"])
    if name is None:
        raise KeyError(Message("there is no such language"))
    return as_json(catalogue(name).forms, request=request)


ROUTES: list[BaseRoute] = [
    Route("/api/language/{language}", language),
    Route("/api/live", live.live),
    Route("/api/cells", cells.cells),
    Route("/api/series", points.series),
    Route("/api/profile", points.profile),
    Route("/api/attention/{run}", attention_bytes.snapshots),
    Route("/api/attention/{run}/{source}", attention_bytes.grid),
    Route("/api/attention/{run}/{source}/scores", attention_bytes.scores),
    Route("/api/attention/{run}/{source}/{layer:int}/{head:int}", attention_bytes.head),
    Route("/api/inspections/{run}/{id}", inspections.state),
    Route("/api/inspections/{run}/{id}/stream", inspections.stream),
    Route("/api/inspections/{run}/{id}/result", inspections.result),
    Route("/api/inspections/{run}/{id}/array/{name}", inspections.array),
    Route("/api/assets/{name}", asset),
    Route("/api/assets/{version}/{name:path}", asset),
]
MIDDLEWARE = [
    Middleware(one) for one in (SecurityHeaders, Spoken, Guard, Door, Named, Shell, Statics)
]
