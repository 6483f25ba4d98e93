"""A browser is answered in the language of its address, of its choice, or of its settings."""

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from core.language import LANGUAGES, current
from dashboard.ui.language import COOKIE
from dashboard.web import index_page, static_files
from dashboard.web.spoken import Spoken
from tests.routes import client

PAGE = {"accept": "text/html"}


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Streamlit's index page, and everything else says which language it speaks."""
    monkeypatch.setitem(LANGUAGES, "zh", "中文")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answer: Response = PlainTextResponse(current())
        if "text/html" in Request(scope).headers.get("accept", ""):
            page = static_files.HOME.parent / "index.html"
            answer = HTMLResponse(page.read_text(encoding="utf-8"))
        await answer(scope, receive, send)

    return TestClient(Spoken(index_page.Shell(app)))


def language(html: str) -> str:
    return html.partition('<html lang="')[2].partition('"')[0]


def test_the_address_decides_and_is_remembered(browser: TestClient):
    assert language(browser.get("/", headers=PAGE).text) == "en"
    chinese = {**PAGE, "accept-language": "zh-CN,zh;q=0.9"}
    reply = browser.get("/", headers=chinese)
    assert language(reply.text) == "zh"
    assert "set-cookie" not in reply.headers, "it was not chosen"
    reply = browser.get("/?lang=zh", headers=PAGE)
    assert language(reply.text) == "zh"
    assert COOKIE in reply.headers["set-cookie"]
    assert language(browser.get("/compare", headers=PAGE).text) == "zh", "the cookie"
    assert language(browser.get("/compare?lang=en", headers=chinese).text) == "en"
    assert language(browser.get("/", headers=chinese).text) == "en", "the cookie over the settings"


def test_the_page_knows_whether_there_are_languages_to_choose_from(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
):
    assert '<html lang="zh" data-languages>' in browser.get("/?lang=zh", headers=PAGE).text
    monkeypatch.delitem(LANGUAGES, "zh")
    assert '<html lang="en">' in browser.get("/?lang=en", headers=PAGE).text


@pytest.mark.parametrize("word", ["", "xx", "z" * 9999, "zh\r\nset-cookie: a=b", "../zh"])
def test_a_wrong_word_changes_nothing(browser: TestClient, word: str):
    reply = browser.get("/", params={"lang": word}, headers=PAGE)
    assert language(reply.text) == "en"
    assert "set-cookie" not in reply.headers


def test_a_view_is_answered_in_the_language_of_its_page(browser: TestClient):
    browser.get("/?lang=zh", headers=PAGE)
    assert browser.get("/api/live", headers={"accept-language": "en"}).text == "en"
    assert browser.get("/api/live", headers={"accept-language": "zh"}).text == "zh"
    assert browser.get("/api/live", headers={"accept-language": "fr, zh-CN;q=0.2"}).text == "zh"


def test_the_browser_gets_a_language_s_words():
    assert client().get("/api/language/zh").json() is not None
    assert client().get("/api/language/en").json() == {}
    assert client().get("/api/language/xx").status_code == 404
