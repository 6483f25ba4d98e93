"""A client of the live routes that holds every reply against its description."""

from __future__ import annotations

import re
from typing import Any

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard import api
from dashboard.api.replies import REPLIES, Problem
from dashboard.web import access

PROBLEM = TypeAdapter(Problem)
KINDS = {
    re.compile(re.sub(r"\{\w+\}", "[^/]+", route) + "$"): TypeAdapter(kind)
    for route, kind in REPLIES.items()
}


class Checked(TestClient):
    """What is answered in JSON has the shape that `dashboard/api/replies.py` says."""

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """As of TestClient. Raises ValidationError for a reply of another shape."""
        reply = super().request(*args, **kwargs)
        path = reply.request.url.path
        kind = next((kind for route, kind in KINDS.items() if route.match(path)), None)
        if kind is not None and "json" in reply.headers["content-type"]:
            (kind if reply.status_code == 200 else PROBLEM).validate_json(reply.content)
        return reply


def client() -> Checked:
    """All routes with their middleware, as a script with the token sees them."""
    app = Starlette(routes=api.ROUTES, middleware=api.MIDDLEWARE)
    bearer = {"authorization": f"Bearer {access.token()}"}
    return Checked(app, base_url="http://127.0.0.1:8601", headers=bearer)
