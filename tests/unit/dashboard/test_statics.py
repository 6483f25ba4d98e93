"""Streamlit's files from memory: the same bytes, nothing else, and what the first page needs."""

import re

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from dashboard.web import assets, index_page, static_files


@pytest.fixture
def client():
    async def beyond(scope, receive, send):
        await PlainTextResponse("beyond", 200)(scope, receive, send)

    app = Starlette(middleware=[Middleware(static_files.Statics)])
    app.mount("/", beyond)
    return TestClient(app)


def test_a_module_is_sent_whole_and_kept_by_the_browser(client):
    path, file = next((p, f) for p, f in static_files.known().items() if p.endswith(".js"))
    reply = client.get(path)
    assert reply.content == file.read_bytes()
    assert reply.headers["content-type"].startswith("text/javascript")
    assert "immutable" in reply.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    ["/static/js/nothing.js", "/static/../index.html", "/static/js/%2e%2e/%2e%2e/index.html", "/"],
)
def test_everything_else_is_left_to_streamlit(client, path):
    assert client.get(path).text == "beyond"
    assert client.post(next(iter(static_files.known()))).text == "beyond"


def test_the_first_page_is_told_what_its_widgets_need():
    modules = static_files.first_modules()
    names = [re.sub(r".*/([\w-]+)\..*", r"\1", m) for m in modules]
    assert set(static_files.FIRST) <= set(names)
    assert "recordbatch" in names, "what they import is among them"
    assert len(set(modules)) == len(modules)
    head = index_page.preloads().decode()
    assert all(f'href="{module}"' in head for module in modules)


def test_plotly_does_not_hold_up_the_first_page():
    assert assets.plotly_url() not in index_page.head().decode()


def test_the_page_brings_its_sheets_and_its_history_before_streamlit_draws() -> None:
    """Streamlit's own index page, as a browser gets it."""

    async def streamlits(scope: Scope, receive: Receive, send: Send) -> None:
        page = static_files.HOME.parent / "index.html"
        await HTMLResponse(page.read_text(encoding="utf-8"))(scope, receive, send)

    client = TestClient(index_page.Shell(streamlits))
    html = client.get("/compare", headers={"accept": "text/html"}).text
    history, streamlit = html.index("mendHistory(window)"), html.index("/static/js/index.")
    assert history < streamlit < html.index("--ground:") < html.index("</body>")
    assert "mendHistory" not in client.get("/", headers={"accept": "*/*"}).text
