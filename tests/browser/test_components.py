"""The live parts in a real browser, on runs that grow: what a reader set stays set."""

import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Page

from core.runs import RunStore
from tests.browser.driver import Dashboard, open_browser
from tests.fake_runs import LiveFakeRun, finished

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path(__file__).with_name("components_page.py")
APP = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from dashboard.api import MIDDLEWARE, ROUTES
app = st.App({str(PAGE)!r}, routes=ROUTES, middleware=MIDDLEWARE)
"""
PLOT = ".st-key-loss .anl-plot"
RANGES = """selector => {
  const { xaxis, yaxis } = document.querySelector(selector)._fullLayout
  return [...xaxis.range, ...yaxis.range]
}"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    store = RunStore(tmp_path_factory.mktemp("runs"))
    finished(store, "warm-up saves it", steps=400)
    # Long enough to outlast every test, and already longer than what is drawn step by step.
    lives = LiveFakeRun(store, "pre-ln-lives", steps=60_000, rate=20, seed=1).start(at=1500)
    dies = LiveFakeRun(
        store,
        "post-ln-dies",
        fate="plateau",
        steps=60_000,
        rate=20,
        seed=2,
        twin_of=lives.run.id,
    ).start(at=1500)
    yield store, lives, dies
    for fake in (lives, dies):
        fake.stop()


@pytest.fixture(scope="module")
def address(runs, tmp_path_factory):
    app = tmp_path_factory.mktemp("app") / "app.py"
    app.write_text(APP)
    dashboard = Dashboard(runs[0].root, app)
    dashboard.start()
    yield dashboard.url
    dashboard.end(signal.SIGTERM)


@pytest.fixture
def page(address):
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 1100})
        page.set_default_timeout(90_000)  # a busy machine is slow, not wrong
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector(f"{PLOT} .main-svg", timeout=90_000)
        page.wait_for_function("window.addnormHub.stats.ticks >= 2")
        yield page
        assert page.errors == []


def ticks(page: Page, more: int) -> None:
    until = page.evaluate("window.addnormHub.stats.ticks") + more
    page.wait_for_function(f"window.addnormHub.stats.ticks >= {until}", timeout=90_000)


def reruns(page: Page) -> int:
    found = re.search(r"reruns: (\d+)", page.inner_text("body"))
    assert found
    return int(found.group(1))


def test_a_zoom_is_kept_through_twenty_ticks(page):
    box = page.locator(f"{PLOT} .nsewdrag").first.bounding_box()
    page.evaluate("s => { document.querySelector(s).mark = 'same' }", PLOT)
    page.mouse.move(box["x"] + box["width"] * 0.05, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    for part in (0.06, 0.08, 0.1, 0.12):
        page.mouse.move(box["x"] + box["width"] * part, box["y"] + box["height"] * 0.7)
    page.mouse.up()
    page.wait_for_timeout(1000)
    zoomed = page.evaluate(RANGES, PLOT)
    assert zoomed[1] - zoomed[0] < 400
    before = page.evaluate("window.addnormHub.stats.requests")
    step = page.evaluate("Math.max(...[...window.addnormHub.runs.values()].map(r => r.step))")
    ticks(page, 20)
    assert page.evaluate(RANGES, PLOT) == zoomed
    assert page.evaluate("s => document.querySelector(s).mark", PLOT) == "same"
    assert page.locator(PLOT).count() == 1
    assert reruns(page) == 1, "data must not go through the script"
    stats = page.evaluate("window.addnormHub.stats")
    assert stats["requests"] - before <= 21, "one request a second for the whole page"
    # A tick at which a run outgrows its points brings them all anew; the others bring what is new.
    assert sorted(stats["bytes"][-20:])[10] <= 5000, stats["bytes"]
    now = page.evaluate("Math.max(...[...window.addnormHub.runs.values()].map(r => r.step))")
    assert now > step
    page.mouse.dblclick(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.wait_for_timeout(1200)
    assert page.evaluate(RANGES, PLOT)[0] == 0
    assert page.evaluate(RANGES, PLOT)[1] > 400


def test_zooming_fetches_what_thinning_left_out(page, runs):
    count = "s => document.querySelector(s).data.filter(t => t.hovertemplate).map(t => t.x.length)"
    lives = runs[1].run
    thinned = f"window.addnormHub.runs.get('{lives.id}').series.get('loss/train')?.steps ?? []"
    # Points come a tick after the first: wait for the thinned ones.
    page.wait_for_function(f"({thinned}).some((s, i, all) => i && s - all[i - 1] > 1)")
    with page.expect_response(re.compile("/api/series")):
        box = page.locator(f"{PLOT} .nsewdrag").first.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.05, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.15, box["y"] + 41, steps=4)
        page.mouse.up()
    page.wait_for_timeout(1000)
    low, high, *_ = page.evaluate(RANGES, PLOT)
    xs = page.evaluate(
        """([s, name]) => document.querySelector(s).data
          .find(t => t.hovertemplate && t.name === name).x""",
        [PLOT, lives.name],
    )
    inside = [x for x in xs if low + 1 <= x <= high - 1]
    assert len(inside) == int(high - 1) - int(low + 2) + 1, page.evaluate(count, PLOT)


def test_keys_choose_a_head_and_a_snapshot(page):
    canvas = page.locator(".st-key-attention canvas").first
    page.wait_for_function(
        "document.querySelector('.st-key-attention canvas').ariaLabel?.includes('chosen')"
    )
    head, step = canvas.get_attribute("aria-label").split(" at step ")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    # Twice: a snapshot may arrive before the first, which then only leads back to `step`.
    page.keyboard.press("[")
    page.keyboard.press("[")
    label = "document.querySelector('.st-key-attention canvas').ariaLabel.split(' at step ')"
    page.wait_for_function(f"{label}[0] != {head!r} && {label}[1] != {step!r}", timeout=90_000)
    page.mouse.click(*[canvas.bounding_box()[k] + 30 for k in ("x", "y")])
    assert "layer 1, head 1" in canvas.get_attribute("aria-label")


def test_a_hidden_tab_rests(page):
    page.evaluate(
        """() => {
          const get = () => window.pretend
          Object.defineProperty(document, "hidden", { get, configurable: true })
          window.pretend = true
        }"""
    )
    page.wait_for_timeout(1500)
    before = page.evaluate("window.addnormHub.stats.requests")
    page.wait_for_timeout(2500)
    assert page.evaluate("window.addnormHub.stats.requests") == before
    page.evaluate("window.pretend = false; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_function(f"window.addnormHub.stats.requests > {before}", timeout=3000)


def test_a_lost_server_is_said_and_survived(page):
    page.route("**/api/live*", lambda route: route.abort())
    card = page.locator(".st-key-state .anl-message")
    page.wait_for_function(
        "document.querySelector('.st-key-state .anl-message').textContent.includes('lost')",
        timeout=90_000,
    )
    assert "retrying" in card.inner_text()
    page.unroute("**/api/live*")
    page.wait_for_function(
        "!document.querySelector('.st-key-state .anl-message').textContent.includes('lost')",
        timeout=90_000,
    )


def test_an_end_reruns_the_page_once(page, runs):
    assert reruns(page) == 1
    runs[2].stop()  # last, because it ends a run that the other tests watch
    page.wait_for_function("document.body.innerText.includes('reruns: 2')", timeout=90_000)
    ticks(page, 3)
    assert reruns(page) == 2
    page.wait_for_function(
        "document.querySelector('.st-key-state .anl-status').textContent.includes('stopped')"
    )
    with page.expect_request("**/api/live*") as asked:
        pass
    assert runs[2].run.id not in asked.value.url, "an ended run is not asked again"
