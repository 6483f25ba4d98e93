"""The whole lab as a person uses it: switch, train, watch, compare, kill, come back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from core import presets
from core.config import DataConfig
from core.data import corpora
from core.data.downloads import CorpusError
from core.jobs import enqueue
from core.runs import Run
from tests.browser.driver import (
    Dashboard,
    Watched,
    choose,
    press,
    settled,
    switch,
)
from tests.conftest import small
from tests.farm import wait_until

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

PLOT = ".st-key-loss .anl-plot"
RANGES = """selector => {
  const { xaxis, yaxis } = document.querySelector(selector)._fullLayout
  return [...xaxis.range, ...yaxis.range]
}"""
# A point is on the screen when a curve has a path of its own in the drawing.
# Each run has two, the raw one and the smoothed one.
DRAWN = """([selector, runs]) => [...document.querySelector(selector)?.querySelectorAll(
  ".scatterlayer .trace .js-line") ?? []].filter(p => p.getAttribute("d")).length >= 2 * runs"""


@contextmanager
def served(folder: Path) -> Iterator[Dashboard]:
    """A dashboard over an empty folder, whose log stays clean."""
    with Dashboard(folder / "runs") as one:
        yield one
        assert "Traceback" not in (log := one.log.read_text()), log


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Dashboard]:
    with served(tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def without_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """One server for all tests that start no run."""
    with served(tmp_path_factory.mktemp("without_runs")) as one:
        yield one
        assert one.store.list() == []


@contextmanager
def opened(browser: Browser) -> Iterator[Page]:
    """A page whose console stays silent."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(90_000)  # a busy machine is slow, not wrong
    watched = Watched(page)
    yield page
    assert watched.errors == []
    page.close()


@pytest.fixture
def page(browser: Browser, dashboard: Dashboard) -> Iterator[Page]:
    with opened(browser) as one:
        yield one


@pytest.fixture
def still_page(browser: Browser, without_runs: Dashboard) -> Iterator[Page]:
    with opened(browser) as one:
        yield one


def available(corpus: str) -> bool:
    try:
        corpora.load_text(DataConfig(corpus=corpus))  # type: ignore[arg-type]
    except CorpusError:
        return False
    return True


def newest(dashboard: Dashboard) -> Run:
    return dashboard.store.list()[-1]


def drawn(page: Page, runs: int = 1, key: str = "loss") -> None:
    try:
        page.wait_for_function(DRAWN, arg=[f".st-key-{key} .anl-plot", runs], timeout=120_000)
    except TimeoutError:
        page.screenshot(path="test-results/not-drawn.png")
        pytest.fail(f"no {runs} runs in {key}: {page.locator('.stMain').inner_text()}")


def open_lab(page: Page, dashboard: Dashboard, query: str = "") -> None:
    page.goto(f"{dashboard.url}/{query}")
    page.locator(".st-key-train button").wait_for(timeout=60_000)
    settled(page)


def last_fifty(run: Run) -> float:
    return float(np.mean(run.series("loss/train")[1][-50:]))


@pytest.mark.parametrize("corpus", ["python-reference", "tiny-shakespeare"])
def test_pre_ln_lives_and_post_ln_dies(page: Page, dashboard: Dashboard, corpus: str) -> None:
    if not available(corpus):
        pytest.skip(f"{corpus} is neither here nor can it be downloaded")
    open_lab(page, dashboard)
    choose(page, "preset", "pre-ln-lives")
    settled(page)
    if corpus != "python-reference":
        page.get_by_text("Data", exact=True).click()
        page.wait_for_timeout(500)  # the fold opens with a movement
        choose(page, "data_corpus", corpus)
        settled(page)
    press(page, "train")
    drawn(page)
    pre = newest(dashboard)
    switch(page, "model_placement", "post")
    settled(page)
    press(page, "train")
    wait_until(lambda: len(dashboard.store.list()) == 2)
    post = newest(dashboard)
    differing = {n for n, v in pre.config.flat().items() if post.config.flat()[n] != v}
    assert differing == {"model.placement"}
    page.get_by_role("link", name="Compare").click()
    drawn(page, 2, key="compare_curves")
    assert {pre.status, post.status} <= {"running", "starting", "finished"}
    wait_until(lambda: pre.status == post.status == "finished", seconds=400)
    entropy = corpora.load_text(pre.config.data).unigram_entropy
    if corpus == "tiny-shakespeare":
        assert entropy == pytest.approx(3.309, abs=1e-3)
    assert abs(last_fifty(post) - entropy) < 0.1
    assert last_fifty(pre) < (2.5 if corpus == "tiny-shakespeare" else entropy - 0.5)
    body = page.locator(".stMain")
    expect(body).to_contain_text("it has learned letter frequencies and ignores its input")
    expect(body).to_contain_text("it uses its input")
    expect(body).to_contain_text(f"{entropy:.3f}")
    alarms = [e["name"] for e in post.events if e["kind"] == "alarm"]
    assert "plateau" in alarms
    assert "plateau" not in [e.get("name") for e in pre.events]


def test_a_zoom_outlives_twenty_ticks_of_a_real_run(page: Page, dashboard: Dashboard) -> None:
    bytes_of: list[int] = []
    page.on(
        "response",
        lambda r: bytes_of.append(len(r.body())) if "/api/live" in r.url else None,
    )
    run = enqueue(dashboard.store, small(training__steps=100_000, training__evaluate_every=0))
    wait_until(lambda: len(run.rows("step", []).steps) > 300)
    open_lab(page, dashboard, f"?lab_runs={run.id}")
    drawn(page)
    box = page.locator(f"{PLOT} .nsewdrag").first.bounding_box()
    assert box is not None
    page.evaluate("s => { document.querySelector(s).mark = 'the same node' }", PLOT)
    page.mouse.move(box["x"] + box["width"] * 0.02, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5)
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.7)
    page.mouse.up()
    page.wait_for_timeout(1500)
    zoomed = page.evaluate(RANGES, PLOT)
    del bytes_of[:]
    ticks = page.evaluate("window.addnormHub.stats.ticks")
    page.wait_for_function(f"window.addnormHub.stats.ticks >= {ticks} + 20", timeout=90_000)
    assert page.evaluate(RANGES, PLOT) == zoomed
    assert page.evaluate("s => document.querySelector(s).mark", PLOT) == "the same node"
    assert page.locator(PLOT).count() == 1
    assert len(bytes_of) <= 22
    assert np.median(bytes_of) <= 5000


def test_a_killed_dashboard_does_not_touch_the_run(browser: Browser, tmp_path: Path) -> None:
    with Dashboard(tmp_path / "runs") as dashboard:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        open_lab(page, dashboard)
        press(page, "train")
        drawn(page)
        run = newest(dashboard)
        page.close()
        dashboard.end(signal.SIGKILL)
        step = run.record.step
        wait_until(lambda: run.record.step > step + 20)
        assert run.status == "running"
        dashboard.start()
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        watched = Watched(page)
        open_lab(page, dashboard, f"?lab_runs={run.id}")
        drawn(page)
        shown = page.evaluate("window.addnormHub.stats.ticks")
        page.wait_for_function(f"window.addnormHub.stats.ticks > {shown} + 2")
        assert watched.errors == []
        os.kill(int((run.path / "lock").read_text()), signal.SIGKILL)
        expect(page.locator(".st-key-run_state")).to_contain_text("interrupted", timeout=90_000)
        page.close()


def test_step_pause_resume_and_stop(page: Page, dashboard: Dashboard) -> None:
    open_lab(page, dashboard, "?training_steps=5000")
    press(page, "step")
    wait_until(lambda: len(dashboard.store.list()) == 1)
    run = newest(dashboard)
    wait_until(lambda: run.status == "paused")
    assert run.record.step == 1
    expect(page.locator(".st-key-pause button")).to_contain_text("Resume", timeout=90_000)
    press(page, "step")
    wait_until(lambda: run.record.step == 2)
    page.keyboard.press("p")
    wait_until(lambda: run.status == "running")
    expect(page.locator(".st-key-pause button")).to_contain_text("Pause", timeout=90_000)
    press(page, "pause")
    wait_until(lambda: run.status == "paused")
    press(page, "stop")
    wait_until(lambda: run.status == "stopped")


def test_the_address_holds_every_switch(still_page: Page, without_runs: Dashboard) -> None:
    page = still_page
    open_lab(page, without_runs)
    switch(page, "model_residual", "off")
    settled(page)
    switch(page, "model_norm", "rms")
    settled(page)
    query = parse_qs(urlparse(page.url).query)
    assert query["model_residual"] == ["off"]
    assert query["model_norm"] == ["rms"]
    other = page.context.browser.new_page()  # type: ignore[union-attr]
    other.goto(page.url)
    other.locator(".st-key-train button").wait_for(timeout=60_000)
    settled(other)
    for key, word in (("model_residual", "off"), ("model_norm", "rms")):
        chosen = other.locator(f".st-key-{key}").get_by_role("radio", name=word, exact=True)
        expect(chosen).to_have_attribute("aria-checked", "true")
    other.close()


def test_bad_addresses_open_with_a_sentence(still_page: Page, without_runs: Dashboard) -> None:
    page = still_page
    open_lab(page, without_runs, "?model_depth=nine&model_heads=5&lab_runs=nobody&model_dept=3")
    body = page.locator("[data-testid=stApp]")
    expect(body).to_contain_text("model.depth")
    expect(body).to_contain_text("nobody")
    page.goto(f"{without_runs.url}/compare?compare_runs=nobody")
    expect(body).to_contain_text("nobody", timeout=90_000)


def test_impossible_settings_are_refused_in_words(
    still_page: Page, without_runs: Dashboard
) -> None:
    page = still_page
    open_lab(page, without_runs, "?model_heads=5")
    expect(page.locator("[data-testid=stApp]")).to_contain_text("does not divide")
    switch(page, "model_placement", "none")
    settled(page)
    chosen = page.locator(".st-key-model_norm").get_by_role("radio", name="none", exact=True)
    expect(chosen).to_have_attribute("aria-checked", "true")


def test_the_page_answers_while_two_runs_train(page: Page, dashboard: Dashboard) -> None:
    """Order and not time: the switch is drawn while both runs still train."""
    config = presets.load("nanogpt-cpu").config.flat()
    config |= {"data.corpus": "python-reference", "training.steps": 100_000}
    runs = [enqueue(dashboard.store, type(small()).from_flat(config)) for _ in range(2)]
    wait_until(lambda: all(r.status == "running" for r in runs))
    open_lab(page, dashboard)
    switch(page, "model_placement", "post")
    expect(page.locator(".st-key-card_block")).to_contain_text("post-LN", timeout=90_000)
    assert [r.status for r in runs] == ["running", "running"]


def test_every_page_opens_quietly_in_light_and_dark(
    browser: Browser, without_runs: Dashboard
) -> None:
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme, viewport={"width": 800, "height": 900})
        watched = Watched(page)
        for name in ("", "compare", "runs"):
            page.goto(f"{without_runs.url}/{name}")
            page.wait_for_selector(".stMain", timeout=60_000)
            settled(page)
            wide = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert wide, f"{name or 'lab'} is cut off at 800 pixels"
        assert watched.errors == []
        page.close()
