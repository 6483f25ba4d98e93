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


FADED = """s => [...document.querySelector(s).data].filter(t => t.meta)
  .filter(t => t.line.color.startsWith('rgba')).map(t => t.meta)"""


def test_a_press_on_a_name_isolates_its_run_by_mouse_and_by_keys(page):
    names = page.locator(".st-key-loss .anl-ends button")

    def faded(count: int) -> list[str]:
        page.wait_for_function(f"s => ({FADED})(s).length === {count}", arg=PLOT)
        return page.evaluate(FADED, PLOT)

    ids = names.evaluate_all("all => all.map(b => b.dataset.run)")
    others = len(ids) - 1
    assert others >= 1
    page.locator(f'.st-key-loss .anl-ends button[data-run="{ids[0]}"]').click()
    assert set(faded(others)) == {*ids} - {ids[0]}
    first, second = (
        page.locator(f'.st-key-loss .anl-ends button[data-run="{id}"]') for id in ids[:2]
    )
    assert first.get_attribute("aria-pressed") == "true"
    first.click()
    faded(0)
    second.focus()
    page.keyboard.press("Enter")
    assert set(faded(others)) == {*ids} - {ids[1]}
    ticks(page, 2)
    assert set(faded(others)) == {*ids} - {ids[1]}, "new points do not bring the others back"
    page.keyboard.press("Escape")
    faded(0)


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


LOSS = "document.querySelector('.st-key-loss .anl-plot')"
SHOWN = f"[...{LOSS}.data].filter(t => t.meta).map(t => t.meta)"


@pytest.fixture
def together(page, address):
    """The parts that share what is chosen, in an empty tab."""
    page.goto(f"{address}/?show=many&smooth=0.9")
    page.wait_for_function(f"{LOSS}?.data?.filter(t => t.meta && t.x.length).length === 3")
    return page


def zoom(page, selector, left, right):
    box = page.locator(f"{selector} .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * left, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    for part in (0.4, 0.7, 1):
        x = box["x"] + box["width"] * (left + (right - left) * part)
        page.mouse.move(x, box["y"] + box["height"] * 0.7)
    page.mouse.up()


def test_a_choice_is_drawn_at_once_and_keeps_the_zoom(together):
    page = together
    ids = page.evaluate(SHOWN)
    zoom(page, ".st-key-loss", 0.02, 0.1)
    page.wait_for_function("window.addnormHub.choice.zoom")
    ranges = page.evaluate(RANGES, PLOT)
    requests = reruns(page)
    page.evaluate("ids => window.addnormHub.choose(ids)", ids[:2])
    page.wait_for_function(f"{SHOWN}.length === 2")
    assert page.evaluate(RANGES, PLOT) == ranges
    page.evaluate("ids => window.addnormHub.choose(ids)", ids)
    page.wait_for_function(f"{SHOWN}.length === 3")
    ticks(page, 2)
    assert page.evaluate(RANGES, PLOT) == ranges
    assert reruns(page) == requests
    page.evaluate("window.addnormHub.set({ zoom: null })")
    page.wait_for_function(f"{LOSS}._fullLayout.xaxis.range[0] === 0")


def test_a_double_click_or_escape_shows_everything_and_pins_nothing(together):
    page = together
    choice = "window.addnormHub.choice"
    whole = page.evaluate(RANGES, PLOT)
    box = page.locator(".st-key-loss .nsewdrag").first.bounding_box()
    at = [(x, y) for x in (0.3, 0.6) for y in (0.1, 0.9)]
    for pinned, (x, y) in [(None, at[0]), (None, at[1]), (5, at[2]), (5, at[3])]:
        page.evaluate("step => window.addnormHub.cursorAt(step)", pinned)
        zoom(page, ".st-key-loss", 0.1, 0.8)
        page.wait_for_function(f"{choice}.zoom")
        page.wait_for_timeout(600)  # a later press is no part of the drag
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        page.mouse.down(click_count=1)
        page.mouse.up(click_count=1)
        page.wait_for_timeout(120)  # as a hand does it
        page.mouse.down(click_count=2)
        page.mouse.up(click_count=2)
        page.wait_for_function(f"{choice}.zoom === null")
        page.wait_for_function(f"{LOSS}._fullLayout.xaxis.range[0] === 0")
        page.wait_for_timeout(400)
        assert page.evaluate(f"[{choice}.step, {choice}.focus]") == [pinned, None]
        assert page.evaluate(RANGES, PLOT)[0] == whole[0]
    zoom(page, ".st-key-loss", 0.1, 0.8)
    page.wait_for_function(f"{choice}.zoom")
    page.keyboard.press("Escape")
    page.wait_for_function(f"{choice}.zoom === null")


def test_a_click_on_a_line_makes_its_run_stand_out(together, runs):
    page = together
    lives = runs[1].run.id
    at = page.evaluate(
        """id => {
          const plot = document.querySelector(".st-key-loss .anl-plot")
          const trace = plot.data.find(t => t.meta === id)
          const i = Math.floor(trace.x.length / 2)
          const { xaxis, yaxis } = plot._fullLayout
          const box = plot.getBoundingClientRect()
          return [box.left + xaxis._offset + xaxis.d2p(trace.x[i]),
            box.top + yaxis._offset + yaxis.d2p(trace.y[i])]
        }""",
        lives,
    )
    page.mouse.move(at[0] - 3, at[1])
    page.mouse.move(*at)
    page.wait_for_timeout(300)
    page.mouse.click(*at)
    page.wait_for_function(f"window.addnormHub.choice.focus === {lives!r}")
    page.wait_for_function(f"{LOSS}.data.findLast(t => t.meta).meta === {lives!r}")
    page.locator(".st-key-loss .anl-body").press("Escape")
    page.wait_for_function("window.addnormHub.choice.focus === null")


def test_the_cursor_moves_the_profiles(together):
    page = together
    title = "document.querySelector('.st-key-profile .anl-title').textContent"
    strip = page.locator(".st-key-loss .anl-cursor-strip").bounding_box()
    page.mouse.click(strip["x"] + strip["width"] * 0.01, strip["y"] + 8)
    page.wait_for_function("window.addnormHub.choice.step !== null")
    step = page.evaluate("window.addnormHub.choice.step")
    page.wait_for_function(f"{title}.includes('step')")
    page.wait_for_function(
        f"document.querySelector('.st-key-loss .anl-cursor-step').textContent.includes('{step:,}')"
    )
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"window.addnormHub.choice.step !== {step}")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"window.addnormHub.choice.step === {step}")
    page.wait_for_function(f"{title}.endsWith('step {step:,}')")


def test_a_difference_is_that_of_its_curves(together, runs):
    page = together
    name = "difference/" + runs[1].run.id + "/loss/train"
    page.wait_for_function(
        f"[...window.addnormHub.runs.values()].some(r => r.series.get({name!r})?.steps.length > 9)"
    )
    subtitle = page.locator(".st-key-difference .anl-subtitle")
    assert "warm-up saves it minus that of pre-ln-lives" in subtitle.inner_text()
    drawn = "document.querySelector('.st-key-difference .anl-plot').data.filter(t => t.meta).length"
    page.wait_for_function(f"{drawn} === 1")


def test_a_chart_is_saved_with_its_title(together):
    page = together
    page.locator(".st-key-loss").hover()
    with page.expect_download() as saved:
        page.locator(".st-key-loss .anl-export", has_text="SVG").click()
    assert saved.value.suggested_filename == "training-loss.svg"
    picture = Path(saved.value.path()).read_text()
    assert "Training loss" in picture
    assert "nats per character" in picture
    with page.expect_download() as saved:
        page.locator(".st-key-loss .anl-export", has_text="PNG").click()
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")


def test_an_end_reruns_the_page_once(page, runs):
    ends = LiveFakeRun(runs[0], "it ends", steps=60_000, rate=20, seed=3).start(at=200)
    page.reload()  # shows the newest
    page.wait_for_selector(f"{PLOT} .main-svg", timeout=90_000)
    ticks(page, 2)
    assert reruns(page) == 1
    ends.stop()
    page.wait_for_function("document.body.innerText.includes('reruns: 2')", timeout=90_000)
    ticks(page, 3)
    assert reruns(page) == 2
    page.wait_for_function(
        "document.querySelector('.st-key-state .anl-status').textContent.includes('stopped')"
    )
    with page.expect_request("**/api/live*") as asked:
        pass
    assert ends.run.id not in asked.value.url, "an ended run is not asked again"
