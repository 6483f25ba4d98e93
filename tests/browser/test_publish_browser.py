"""A published folder, opened from the disk: its charts, its numbers, and nothing from outside."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from core.language import speaking
from core.runs import RunStore
from dashboard.publish.page import AIM, Published, publish
from tests.browser.driver import Dashboard, Watched, press, settled
from tests.browser.test_accessibility import AXE, violations
from tests.fake_runs import finished

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)
READY = "document.documentElement.dataset.ready !== undefined"
# What is drawn of the curves, the way they are drawn: by run the points that the chart has.
SERIES = """() => Object.fromEntries([...window.addnormHub.runs].map(([id, run]) => [id,
  { state: run.state, step: run.step, loss: run.loss, validation: run.validation,
    series: Object.fromEntries(["loss/train", "loss/validation"].map((metric) => [metric,
      { steps: run.series.get(metric)?.steps, values: run.series.get(metric)?.values }])) }]))"""
MATRIX = """() => [...document.querySelectorAll(".anl-matrix .anl-cell")].map((c) => c.ariaLabel)"""
TABLE = """() => [...document.querySelectorAll(".rt-sheet .rt-line")].map((l) =>
  [...l.querySelectorAll(".rt-code")].map((c) => c.innerText)).sort()"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """Ten runs."""
    store = RunStore(tmp_path_factory.mktemp("publish") / "runs")
    for seed in (0, 1, 2, 3):
        for name, fate, placement in (("lives", "lives", "pre"), ("dies", "plateau", "post")):
            finished(store, name, fate, 400, model__placement=placement, training__seed=seed)
    finished(store, "no norm", "diverges", 200, model__placement="none", model__norm="none")
    finished(store, "long", steps=3000)
    return store


@pytest.fixture(scope="module")
def published(store: RunStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    with pytest.MonkeyPatch.context() as patch, speaking("en"):
        patch.setenv("ADDNORM_RUNS", str(store.root))
        yield publish(store.list(), tmp_path_factory.mktemp("site") / "page")


class Opened:
    """The page from `file://`, with what it says in its console and what it asks for."""

    def __init__(self, browser: Browser, folder: Path, **looks: Any) -> None:
        self.context = browser.new_context(**looks)
        self.page = self.context.new_page()
        self.watched = Watched(self.page)
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto((folder / "index.html").as_uri())
        self.page.wait_for_function(READY)

    def close(self) -> None:
        """Nothing went wrong, and nothing came from outside."""
        inside = ("file:", "data:", "blob:")
        assert [url for url in self.asked if not url.startswith(inside)] == []
        assert self.watched.errors == []
        self.context.close()


def drawn(page: Page) -> None:
    """Wait until the charts have their lines."""
    page.wait_for_function(
        "document.querySelector('[data-view=curves] [data-lines]')?.dataset.lines > 0"
    )


SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_it_opens_from_the_disk(
    browser: Browser, published: Published, size: str, scheme: str
) -> None:
    assert published.size <= AIM
    one = Opened(browser, published.folder, viewport=SIZES[size], color_scheme=scheme)
    page = one.page
    drawn(page)
    for view in ("runs_table", "which_trained", "curves", "profile", "map", "happening"):
        expect(page.locator(f"[data-view={view}] .anl")).to_be_visible()
    page.locator("[data-view=attention]").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.anl-grid canvas, canvas.anl-grid') !== null")
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{wide} pixels are beside the window"
    small = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((n) => n.checkVisibility()
          && [...n.childNodes].some((c) => c.nodeType === 3 && c.data.trim())
          && parseFloat(getComputedStyle(n).fontSize) < 12).map((n) => n.outerHTML.slice(0, 120))"""
    )
    assert small == []
    one.close()


def handed_over(browser: Browser, dashboard: Dashboard, store: RunStore) -> None:
    """The button gives a zip whose page opens."""
    page = browser.new_page(viewport=SIZES["wide"])
    page.goto(f"{dashboard.url}/compare")
    settled(page)
    press(page, "publish")
    with page.expect_download(timeout=90_000) as told:
        press(page, "publish_download")
    folder = store.root.parent / "downloaded"
    with zipfile.ZipFile(told.value.path()) as file:
        file.extractall(folder)
    page.close()
    one = Opened(browser, folder / "published", viewport=SIZES["wide"])
    drawn(one.page)
    one.close()


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (`make test` does so)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_it(
    browser: Browser, published: Published, scheme: Literal["light", "dark"]
) -> None:
    one = Opened(browser, published.folder, viewport=SIZES["wide"], color_scheme=scheme)
    drawn(one.page)
    one.page.wait_for_timeout(500)
    # Names stand where their lines end, however close, and the table chooses the same runs; what a
    # cell of several runs is called says in a sentence what stands in it in two short lines.
    known = ("target-size at button[data-run", "label-content-name-mismatch at ")
    found = [said for said in violations(one.page) if not said.startswith(known)]
    one.close()
    assert not found, "\n".join(found)


def test_its_numbers_are_those_of_the_dashboard(
    browser: Browser, store: RunStore, published: Published
) -> None:
    one = Opened(browser, published.folder, viewport=SIZES["wide"])
    drawn(one.page)
    count = f"window.addnormHub.runs.size >= {published.runs}"
    one.page.wait_for_function(count)
    here = {name: one.page.evaluate(code) for name, code in
            {"series": SERIES, "matrix": MATRIX, "table": TABLE}.items()}  # fmt: skip
    one.close()
    with Dashboard(store.root) as dashboard:
        handed_over(browser, dashboard, store)
        page = browser.new_page(viewport=SIZES["wide"])
        page.goto(f"{dashboard.url}/compare?compare_matrix=true&group_by=nothing")
        page.locator(".anl-matrix .anl-cell").first.wait_for(timeout=60_000)
        page.wait_for_function(count)
        page.wait_for_function(
            "[...window.addnormHub.runs.values()].every((r) => r.series.get('loss/train'))"
        )
        there = {name: page.evaluate(code) for name, code in
                 {"series": SERIES, "matrix": MATRIX}.items()}  # fmt: skip
        page.close()
    assert here["series"].keys() == there["series"].keys()
    for id, told in there["series"].items():
        for metric, points in told["series"].items():
            assert json.dumps(here["series"][id]["series"][metric]) == json.dumps(points)
        assert {**here["series"][id], "series": 0} == {**told, "series": 0}
    assert here["matrix"] == there["matrix"]


def test_what_a_reader_chooses_is_drawn(browser: Browser, published: Published) -> None:
    one = Opened(browser, published.folder, viewport=SIZES["wide"])
    page = one.page
    drawn(page)
    lines = page.locator("[data-view=curves] [data-lines]")
    before = lines.get_attribute("data-lines")
    page.locator(".choice", has_text="Group by").locator("select").select_option(label="nothing")
    expect(lines).to_have_attribute("data-lines", str(published.runs))
    assert before != str(published.runs)
    page.locator(".choice", has_text="Metric").first.locator("select").select_option(
        label="grad_norm/total"
    )
    expect(page.locator("[data-view=curves] .anl-title")).to_have_text("Gradient norm")
    page.locator(".rt-sheet .rt-tick").first.click()
    expect(lines).to_have_attribute("data-lines", str(published.runs - 1))
    # The attention of another run, and of two.
    select = page.locator("[data-choices=attention] select")
    select.nth(0).select_option(index=2)
    page.locator("[data-view=attention]").scroll_into_view_if_needed()
    page.locator(".anl-panel-head canvas").first.wait_for()
    select.nth(1).select_option(index=1)
    expect(select.nth(2)).to_have_value("difference")
    heads = page.locator("canvas.anl-grid")
    title = heads.get_attribute("aria-label") or ""
    heads.click()
    page.keyboard.press("[")
    step = re.escape(re.findall(r"step [\d,]+", title)[0])
    expect(heads).not_to_have_attribute("aria-label", re.compile(step))
    assert page.locator(".anl-failed").count() == 0
    one.close()


def test_every_option_of_every_choice_can_be_taken(browser: Browser, published: Published) -> None:
    one = Opened(browser, published.folder, viewport=SIZES["wide"])
    drawn(one.page)
    lists = one.page.locator("[data-choices] select")
    grid = one.page.locator(".anl-matrix")
    taken, laid_out = 0, set()
    for at in range(lists.count()):
        values = lists.nth(at).locator("option").evaluate_all("all => all.map(o => o.value)")
        name = lists.nth(at).evaluate("e => e.closest('[data-choices]').dataset.choices")
        for value in values:
            lists.nth(at).select_option(value)
            taken += 1
            one.page.wait_for_timeout(50)
            if name == "layout":
                laid_out.add(grid.first.inner_text())
        if name == "attention":
            break  # its lists come and go; see the test above
    assert taken > 10
    assert len(laid_out) > 1
    assert one.page.locator(".anl-failed").count() == 0
    one.close()


def test_a_zoom_shows_finer_points(browser: Browser, published: Published) -> None:
    one = Opened(browser, published.folder, viewport=SIZES["wide"])
    page = one.page
    drawn(page)
    page.locator(".choice", has_text="Group by").locator("select").select_option(label="nothing")
    page.wait_for_function("window.addnormHub.runs.size >= 10")
    page.evaluate("window.addnormHub.set({ zoom: [1000, 1100, 2, 3] })")
    # Exact rows, of a run of 3,000 steps whose curve has every eighth.
    page.wait_for_function(
        """() => document.querySelector("[data-view=curves] .js-plotly-plot")
          .data.some((trace) => trace.x?.filter((x) => x >= 1000 && x < 1100).length > 90)"""
    )
    one.close()


def test_in_chinese_every_word_comes_with_it(
    browser: Browser, store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDNORM_RUNS", str(store.root))
    with speaking("zh"):
        found = publish(store.list()[:3], tmp_path / "page")
    one = Opened(browser, found.folder, viewport=SIZES["wide"])
    drawn(one.page)
    expect(one.page.locator("[data-view=happening] .anl-title")).to_have_text("正在发生什么")
    one.close()
