"""Each browser gets a name of its own, once."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.ui.reader import COOKIE, NAME
from dashboard.web.reader import Named

PAGE = {"accept": "text/html"}


def client() -> TestClient:
    routes = [Route("/", lambda request: PlainTextResponse("page"))]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Named)]))


def test_a_browser_gets_a_name_and_keeps_it():
    one, other = client(), client()
    first = one.get("/", headers=PAGE)
    assert NAME.fullmatch(first.cookies[COOKIE])
    said = first.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    assert "set-cookie" not in one.get("/", headers=PAGE).headers
    assert other.get("/", headers=PAGE).cookies[COOKIE] != first.cookies[COOKIE]


def test_what_is_no_name_is_replaced_and_requests_for_parts_get_none():
    one = client()
    assert "set-cookie" not in one.get("/").headers
    one.cookies.set(COOKIE, "../../x")
    assert "set-cookie" in one.get("/", headers=PAGE).headers
