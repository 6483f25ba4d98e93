"""A hostile page on another port of this machine, another user of it, and a browser with the token.

Each way that a page has to another server is tried in a real Chromium: nothing is read, nothing is
changed, and the dashboard's own pages break none of the rules that they are served with.
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.browser.driver import Dashboard, Watched, open_browser, settled
from tests.fake_runs import finished

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

PAGES = ("", "compare", "attention", "anatomy", "runs")
TOKEN = "a-word-that-nobody-guesses"
# Chromium finds this name at 127.0.0.1, as an attacker's name server says after the first visit.
REBOUND = "evil.test"
OTHER_USER = 65_534


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    rule = f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"
    with open_browser(rule) as one:
        yield one


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    folder = tmp_path_factory.mktemp("door")
    with Dashboard(folder / "runs", ADDNORM_TOKEN="") as one:
        finished(one.store)
        yield one


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    folder = tmp_path_factory.mktemp("strict")
    with Dashboard(folder / "runs", ADDNORM_TOKEN=TOKEN) as one:
        finished(one.store)
        yield one


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(90_000)
    yield page
    page.close()


class Page404(http.server.BaseHTTPRequestHandler):
    """An empty page at every address, as another program on this machine serves it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>hostile</title>")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of a page of another port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page404) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def hostile(page: Page, elsewhere: str) -> Page:
    page.goto(elsewhere)
    return page


def answers(page: Page, url: str, act: Callable[[], object]) -> list[int]:
    """The status of each answer that came from an address while something was done."""
    found: list[int] = []

    def heard(response: Response) -> None:
        if response.url.startswith(url):
            found.append(response.status)

    page.on("response", heard)
    act()
    page.wait_for_timeout(300)
    page.remove_listener("response", heard)
    return found


def test_the_pages_keep_their_own_rules(page: Page, dashboard: Dashboard) -> None:
    """A rule that is broken is an error in the console."""
    watched = Watched(page)
    for name in PAGES:
        reply = page.goto(f"{dashboard.url}/{name}")
        assert reply is not None
        headers = reply.headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert not re.search(r"script-src[^;]*'unsafe-inline'", headers["content-security-policy"])
        page.locator(".stApp .anl").first.wait_for()
        settled(page)
    assert [said for said in watched.errors if "Content Security" in said] == []


def test_a_chart_is_saved_within_these_rules(page: Page, dashboard: Dashboard) -> None:
    """Pictures are drawn from addresses that hold them, which the rules name."""
    watched = Watched(page)
    page.goto(f"{dashboard.url}/compare?compare_runs={dashboard.store.list()[0].id}")
    curves = page.locator(".anl-plot .main-svg").first
    curves.wait_for()
    settled(page)
    with page.expect_download() as saved:
        page.locator(".anl-export", has_text="PNG").first.dispatch_event("click")
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    assert [said for said in watched.errors if "Content Security" in said] == []


def test_no_foreign_page_frames_it(hostile: Page, dashboard: Dashboard) -> None:
    framed = hostile.evaluate(
        """async (url) => {
          const frame = document.createElement("iframe")
          const loaded = new Promise((done) => (frame.onload = done))
          frame.src = url
          document.body.append(frame)
          await loaded
          return frame.contentWindow.length
        }""",
        f"{dashboard.url}/",
    )
    assert framed == 0
    inside = hostile.frames[-1]
    assert "Norm" not in (inside.title() or ""), "the frame shows the browser's own page"


@pytest.mark.parametrize("mode", ["cors", "no-cors"])
def test_no_foreign_page_fetches(hostile: Page, dashboard: Dashboard, mode: str) -> None:
    for place in ("/", "/api/live", "/_stcore/host-config"):

        def fetch(place: str = place) -> None:
            got = hostile.evaluate(
                """async ([url, mode]) => {
                  try { return (await (await fetch(url, { mode })).text()).length }
                  catch (error) { return "refused" }
                }""",
                [dashboard.url + place, mode],
            )
            assert got == ("refused" if mode == "cors" else 0) or got == "refused"

        assert set(answers(hostile, dashboard.url, fetch)) <= {403}


def test_no_foreign_page_posts_a_form(hostile: Page, dashboard: Dashboard) -> None:
    def post() -> None:
        with hostile.expect_navigation():
            hostile.evaluate(
                """(url) => {
                  const form = Object.assign(document.createElement("form"),
                    { method: "post", action: url, enctype: "multipart/form-data" })
                  document.body.append(form)
                  form.submit()
                }""",
                f"{dashboard.url}/_stcore/upload_file/session/file",
            )

    assert answers(hostile, dashboard.url, post) == [403]


OPENS = """(url) => new Promise((done) => {
  const socket = new WebSocket(url, ["streamlit"])
  socket.onopen = () => done("open")
  socket.onerror = () => done("refused")
})"""


def test_no_foreign_page_opens_the_websocket(
    hostile: Page, page: Page, dashboard: Dashboard
) -> None:
    address = f"ws://127.0.0.1:{dashboard.port}/_stcore/stream"
    assert hostile.evaluate(OPENS, address) == "refused"
    page.goto(f"{dashboard.url}/api/live")
    assert page.evaluate(OPENS, address) == "open", "the dashboard's own page does"
    other = address.replace("127.0.0.1", "localhost")
    assert page.evaluate(OPENS, other) == "refused", "of another name for this machine, none"


def test_a_foreign_name_that_points_here_reads_nothing(page: Page, dashboard: Dashboard) -> None:
    foreign = f"http://{REBOUND}:{dashboard.port}"
    reply = page.goto(f"{foreign}/")
    assert reply is not None
    assert reply.status == 403
    assert "ADDNORM_HOSTS" in page.content()
    assert page.evaluate("async () => (await fetch('/api/live')).status") == 403
    address = f"ws://{REBOUND}:{dashboard.port}/_stcore/stream"
    assert page.evaluate(OPENS, address) == "refused"


def test_a_window_opened_from_elsewhere_is_out_of_its_reach(
    hostile: Page, dashboard: Dashboard
) -> None:
    with hostile.context.expect_page() as opened:
        hostile.evaluate("(url) => { window.lab = window.open(url); return null }", dashboard.url)
    lab = opened.value
    expect(lab.locator(".st-key-train")).to_be_visible()
    assert hostile.evaluate("window.lab.closed"), "a link opens the page, without a hold on it"
    lab.close()


ASK = """
import encodings.idna, http.client, json, os, sys  # all before the other user may not read them
port, user, token, path = json.loads(sys.argv[1])
if user: os.setgroups([]); os.setgid(user); os.setuid(user)
asked = http.client.HTTPConnection("127.0.0.1", port)
asked.request("GET", path, headers={"Authorization": "Bearer " + token} if token else {})
print(asked.getresponse().status)
"""


def asked_as(port: int, user: int, token: str, path: str = "/api/live") -> int:
    """The status that a program of another user gets."""
    told = json.dumps([port, user, token, path])
    ran = subprocess.run([sys.executable, "-c", ASK, told], capture_output=True, check=True)
    return int(ran.stdout)


def printed_token(dashboard: Dashboard) -> str:
    """The token that the server said at its start, once."""
    found = re.findall(r"\?token=(\S+)", dashboard.log.read_text())
    assert len(found) == 1
    return str(found[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_of_this_machine_needs_the_token(dashboard: Dashboard) -> None:
    token = printed_token(dashboard)
    assert asked_as(dashboard.port, 0, "") == 200
    assert asked_as(dashboard.port, OTHER_USER, "") == 403
    assert asked_as(dashboard.port, OTHER_USER, "wrong") == 403
    assert asked_as(dashboard.port, OTHER_USER, token) == 200
    assert asked_as(dashboard.port, OTHER_USER, "", "/_stcore/health") == 200


def test_what_a_program_passes_on_needs_the_token(dashboard: Dashboard) -> None:
    for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        asked = http.client.HTTPConnection("127.0.0.1", dashboard.port)
        asked.request("GET", "/api/live", headers={name: "127.0.0.1"})
        assert asked.getresponse().status == 403, name


def test_with_a_token_of_ones_own_everyone_needs_it(
    browser: Browser, strict: Dashboard, tmp_path: Path
) -> None:
    assert asked_as(strict.port, 0, "") == 403
    assert asked_as(strict.port, 0, TOKEN) == 200
    assert TOKEN not in strict.log.read_text()
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(90_000)
    watched = Watched(page)
    asked = page.goto(f"{strict.url}/runs?runs_filter=%22%3E%3Cb%3E")
    assert asked is not None
    assert asked.status == 403
    assert "token" in page.locator("main").inner_text()
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_contain_text("not the token")
    for _ in range(50):  # each of the two 403 is one, and may be told late
        if len(watched.errors) == 2:
            break
        page.wait_for_timeout(100)
    watched.errors.clear()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    page.locator(".st-key-compare_these").wait_for()
    settled(page)
    assert TOKEN not in page.url
    assert "runs_filter" in page.url
    assert watched.errors == []
    cookies = context.cookies()
    own = [c for c in cookies if c["name"] == f"addnorm_{strict.port}"]
    assert len(own) == 1
    assert own[0]["httpOnly"]
    assert own[0]["sameSite"] == "Strict"
    assert TOKEN not in own[0]["value"]
    context.close()
