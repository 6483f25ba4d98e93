"""The page Compare as a person uses it: the table by mouse and keyboard, and its address."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from core.config import RunConfig
from core.runs import RunStore
from tests.browser.driver import Dashboard, Watched, choose, press, settled, switch
from tests.conftest import SMALL
from tests.fake_runs import finished

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

GRID = ".st-key-runs_table .rt-grid"
CHOICE = "window.addnormHub.choice"
# Everything that a reader can set on the page, as the page shows it.
STATE = """() => {
  const input = key => document.querySelector(`.st-key-${key} input`)
  const values = ["compare_filter", "group_by", "compare_metric", "compare_smooth",
    "compare_profile"]
  return {
    ...Object.fromEntries(values.map(key => [key, input(key).value])),
    log: input("compare_log").checked,
    log_x: input("compare_log_x").checked,
    x: document.querySelector(".st-key-compare_x [aria-checked=true]").innerText,
    choice: window.addnormHub.choice,
    sorted: [...document.querySelectorAll(".rt-header [aria-sort]")].map(c => c.ariaSort),
    best: document.querySelector(".rt-which").innerText,
    lines: [...document.querySelectorAll(".rt-sheet .rt-line")].map(l =>
      [l.ariaRowIndex, l.innerText, l.querySelector("input").checked, l.ariaCurrent]).sort(),
  }
}"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    store = RunStore(tmp_path_factory.mktemp("compare") / "runs")
    for seed in (0, 1):
        for name, fate, placement in (("lives", "lives", "pre"), ("dies", "plateau", "post")):
            finished(store, name, fate, steps=120, model__placement=placement, training__seed=seed)
    finished(store, "no norm", "diverges", 200, model__placement="none", model__norm="none")
    finished(store, "deep", steps=120, model__depth=12, training__evaluate_every=60)
    with Dashboard(store.root) as one:
        yield one
        assert "Traceback" not in (log := one.log.read_text()), log


def until(true: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def open_compare(page: Page, dashboard: Dashboard, query: str = "") -> None:
    page.goto(f"{dashboard.url}/compare{query}")
    page.locator(f"{GRID} .rt-sheet .rt-line").first.wait_for()
    page.wait_for_function(f"{CHOICE}.ids !== null")
    settled(page)


def chosen(page: Page) -> list[str]:
    ids: list[str] = page.evaluate(f"{CHOICE}.ids")
    return ids


def drawn_names(page: Page, dashboard: Dashboard) -> list[str]:
    return sorted(dashboard.store.open(id).name for id in chosen(page))


def line(page: Page, name: str) -> Any:
    return page.locator(f"{GRID} .rt-sheet .rt-line").filter(has_text=name)


def test_the_runs_that_were_ticked_go_along_from_page_to_page(
    page: Page, dashboard: Dashboard
) -> None:
    open_compare(page, dashboard)
    for name in ("lives ×2", "dies ×2"):
        line(page, name).get_by_role("checkbox").uncheck()
    page.wait_for_function(f"{CHOICE}.ids.length === 2")
    page.wait_for_function(
        "/compare_runs=|compare_hidden=([^&]*?(,|%2C)){3}/.test(location.search)"
    )
    ticked = chosen(page)
    assert sorted(dashboard.store.open(id).name for id in ticked) == ["deep", "no norm"]

    def go(title: str) -> None:
        page.get_by_role("link", name=title, exact=True).first.click()
        page.wait_for_function(f"document.title.startsWith('{title}')")

    go("Lab")
    page.wait_for_function("location.search.includes('lab_runs')")
    lab = page.evaluate("new URLSearchParams(location.search).get('lab_runs')").split(",")
    assert sorted(lab) == sorted(ticked)
    page.reload()
    page.locator(".st-key-card_state").wait_for()
    assert f"lab_runs={lab[0]}" in page.url
    go("Compare")
    page.locator(f"{GRID} .rt-sheet .rt-line").first.wait_for()
    page.wait_for_function(f"{CHOICE}.ids !== null")
    # The tab was loaded anew, so all runs are drawn again, the pair among them.
    assert set(ticked) <= set(chosen(page))
    assert page.evaluate(f"{CHOICE}.focus") is None, "of a pair neither is faded"
    page.go_back()  # to the Lab, which shows the same; further back is where one came from
    page.wait_for_function("document.title.startsWith('Lab')")


def test_the_table_by_mouse(page: Page, dashboard: Dashboard) -> None:
    open_compare(page, dashboard)
    grid = page.get_by_role("grid", name="Runs")
    expect(grid.get_by_role("row")).to_have_count(1 + 4)  # two groups of two seeds are folded
    assert len(chosen(page)) == 6, "without a choice in the address all listed runs are drawn"
    expect(line(page, "lives ×2")).to_contain_text("±")
    # Told by a sign too, and not by colour alone.
    expect(line(page, "dies ×2")).to_contain_text("■plateau")
    expect(line(page, "no norm")).to_contain_text("✕diverged")
    grid.get_by_role("checkbox", name="dies").uncheck()
    assert drawn_names(page, dashboard) == ["deep", "lives", "lives", "no norm"]
    # Python hears of it a moment later: the address, and what depends on the choice.
    page.wait_for_function("location.search.includes('compare_hidden')")
    settled(page)
    expect(page.locator(".st-key-card_verdicts")).not_to_contain_text("dies")
    line(page, "lives").get_by_role("button", name="unfold lives").click()
    expect(grid.get_by_role("row")).to_have_count(1 + 6)
    page.get_by_role("button", name="Sort by training").or_(
        page.locator(".rt-header").get_by_role("button", name="training")
    ).first.click()
    expect(page.locator(".rt-header [aria-sort=ascending]")).to_contain_text("training")
    grid.get_by_role("checkbox", name="all runs").check()
    assert len(chosen(page)) == 6
    grid.get_by_role("checkbox", name="all runs").uncheck()
    assert chosen(page) == []
    page.wait_for_function("location.search.includes('compare_runs=none')")
    # From one line to another with Shift, and one alone with Alt.
    lines = page.locator(f"{GRID} .rt-sheet .rt-line")
    places = lines.evaluate_all("all => all.map(l => Number(l.ariaRowIndex))")
    first, last = (lines.nth(places.index(i)).get_by_role("checkbox") for i in (2, 4))
    first.click()
    last.click(modifiers=["Shift"])
    assert len(chosen(page)) >= 3
    line(page, "deep").get_by_role("checkbox").click(modifiers=["Alt"])
    assert drawn_names(page, dashboard) == ["deep"]
    line(page, "no norm").locator(".rt-name").click()
    focused = page.evaluate(f"{CHOICE}.focus")
    assert dashboard.store.open(focused).name == "no norm"


def test_the_table_by_keyboard(page: Page, dashboard: Dashboard) -> None:
    open_compare(page, dashboard, "?group_by=nothing")
    grid = page.get_by_role("grid", name="Runs")
    grid.focus()
    before = chosen(page)
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert chosen(page) == [before[0], *before[2:]], "Space unticks the second line"
    page.keyboard.press("Space")
    assert chosen(page) == before
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{CHOICE}.focus") == before[2]
    active = grid.get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active}")).to_have_attribute("aria-current", "true")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{CHOICE}.focus") is None


def test_a_filter_and_what_can_not_be_read(page: Page, dashboard: Dashboard) -> None:
    open_compare(page, dashboard)
    field = page.locator(".st-key-compare_filter input")
    field.fill("placement in (pre, post) and depth < 12")
    field.press("Enter")
    expect(page.locator(".st-key-compare_top")).to_contain_text("4 of 6 runs")
    settled(page)
    page.wait_for_function(f"{CHOICE}.ids.length === 4")
    field.fill("depth >>> 3")
    field.press("Enter")
    expect(page.locator(".problem")).to_contain_text("column")
    expect(page.locator(".st-key-compare_top")).to_contain_text("6 runs")


def test_the_address_restores_everything(
    page: Page, dashboard: Dashboard, browser: Browser
) -> None:
    open_compare(page, dashboard)
    field = page.locator(".st-key-compare_filter input")
    field.fill('placement != "none"')
    field.press("Enter")
    settled(page)
    choose(page, "group_by", "model.placement")
    settled(page)
    choose(page, "compare_metric", "grad_norm/total")
    settled(page)
    switch(page, "compare_x", "tokens")
    settled(page)
    for key in ("compare_log", "compare_log_x"):
        page.locator(f".st-key-{key} label").click()
        settled(page)
    choose(page, "compare_smooth", "0.5")
    settled(page)
    choose(page, "compare_profile", "residual RMS")
    settled(page)
    page.locator(".rt-header").get_by_role("button", name="validation").click()
    page.locator(".rt-header").get_by_role("button", name="validation").click()
    page.locator(".rt-which").click()
    post = line(page, "post")
    post.get_by_role("button", name=re.compile("unfold")).click()
    line(page, "dies").first.get_by_role("checkbox").uncheck()
    line(page, "dies").last.locator(".rt-name").click()
    page.evaluate("window.addnormHub.cursorAt(60)")
    for part in (
        "compare_step=60",
        "compare_focus",
        "compare_hidden",
        "compare_sort=-validation.best",
    ):
        page.wait_for_function(f"location.search.includes({json.dumps(part)})")
    settled(page)
    by_hand = page.evaluate(STATE)
    assert by_hand["choice"]["focus"]
    other = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    watched = Watched(other)
    other.goto(page.url)
    other.locator(f"{GRID} .rt-sheet .rt-line").first.wait_for()
    settled(other)
    other.wait_for_function(f"{CHOICE}.focus")
    other.wait_for_timeout(1200)
    assert other.evaluate(STATE) == by_hand
    assert other.url == page.url
    assert watched.errors == []
    other.context.close()


def test_bad_addresses_open_with_a_sentence(page: Page, dashboard: Dashboard) -> None:
    bad = (
        "?compare_runs=nobody&compare_step=soon&compare_sort=beauty&compare_zoom=1,2"
        "&compare_metric=loss/trian&compare_x=years&group_by=taste&compare_focus=noone"
    )
    open_compare(page, dashboard, bad)
    body = page.locator(".stMain")
    for words in ("nobody", "noone", "soon", "beauty", "1,2", "loss/trian", "years", "taste"):
        expect(body).to_contain_text(words)
    expect(body).to_contain_text("did you mean loss/train?")
    assert len(chosen(page)) == 6


def test_edit_a_run(page: Page, dashboard: Dashboard) -> None:
    open_compare(page, dashboard)
    row = line(page, "no norm")
    row.hover()
    row.get_by_role("button", name="edit no norm").click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".st-key-run_name_edit input").fill("nothing holds it")
    dialog.locator(".st-key-run_note textarea").fill("as expected")
    dialog.locator(".st-key-run_tags input").fill("control")
    dialog.locator(".st-key-run_tags input").press("Enter")
    away(page)
    dialog.locator(".st-key-run_colour").get_by_role("radio", name="green").click()
    dialog.locator(".st-key-run_keep button").click()
    expect(line(page, "nothing holds it")).to_contain_text("control")
    run = next(r for r in dashboard.store.list() if r.name == "nothing holds it")
    assert run.meta["tags"] == ["control"]
    assert run.meta["note"] == "as expected"
    assert run.meta["colour"] == 2
    run.update_meta(name="no norm", tags=[], note="")


def test_enter_in_the_name_keeps_what_was_typed(page: Page, dashboard: Dashboard) -> None:
    open_compare(page, dashboard)
    row = line(page, "deep")
    row.hover()
    row.get_by_role("button", name="edit deep").click()
    dialog = page.get_by_role("dialog")
    field = dialog.locator(".st-key-run_name_edit input")
    dialog.locator(".st-key-run_note textarea").fill("twelve layers")
    field.fill("  ")
    field.press("Enter")
    expect(dialog).to_contain_text("Give the run a name.")
    field.fill("deeper")
    field.press("Enter")
    expect(dialog).to_have_count(0)
    expect(line(page, "deeper")).to_have_count(1)
    run = next(r for r in dashboard.store.list() if r.name == "deeper")
    assert run.meta["note"] == "twelve layers"
    run.update_meta(name="deep", note="")


def tick(page: Page, key: str, *options: str) -> None:
    """Choose options of a multiselect by its widget's key."""
    for option in options:
        page.locator(f".st-key-{key} input").click()
        page.get_by_role("option", name=option, exact=True).click()
    away(page)


def away(page: Page) -> None:
    """Close a list of options by a click beside it, in the dialog."""
    page.locator("[role=dialog]").first.click(position={"x": 12, "y": 12})
    settled(page)


def test_a_grid_from_its_ticks_to_its_report(browser: Browser, tmp_path: Path) -> None:
    """A 2 x 3 x 2 grid on a tiny model, the runs behind a cell, and a report that opens offline."""
    store = RunStore(tmp_path / "runs")
    settings = {name.replace(".", "__"): value for name, value in SMALL.items()}
    settings["data__corpus"] = RunConfig().data.corpus
    tiny = finished(store, "tiny", **{**settings, "steps": settings.pop("training__steps")})
    with Dashboard(store.root) as dashboard:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(90_000)
        watched = Watched(page)
        open_compare(page, dashboard)
        press(page, "ablation_grid")
        dialog = page.get_by_role("dialog")
        choose(page, "grid_base", "tiny")
        settled(page)
        tick(page, "grid_model_placement", "pre", "post")
        settled(page)
        tick(page, "grid_model_residual", "on", "off", "attention")
        settled(page)
        seeds = dialog.locator(".st-key-grid_seeds input")
        seeds.fill("2")
        seeds.press("Enter")
        start = dialog.locator(".st-key-grid_start button")
        expect(start).to_contain_text("Queue 12 runs")
        start.click()
        cells = page.locator(".st-key-which_trained .anl-matrix tbody button")
        expect(cells).to_have_count(6)
        grid = [run for run in store.list() if run.id != tiny.id]
        assert len(grid) == 12
        until(lambda: all(run.status == "finished" for run in grid), seconds=240)
        page.wait_for_function(
            "!document.querySelector('.anl-matrix').innerText.includes('waiting')"
        )
        settled(page)
        cells.first.click()
        page.wait_for_function(f"{CHOICE}.ids.length === 2")
        behind = [store.open(id).config.flat() for id in chosen(page)]
        apart = {name for name in behind[0] if behind[0][name] != behind[1][name]}
        assert apart == {"training.seed"}, "a cell's runs differ in the seed alone"
        page.wait_for_function("location.search.includes('compare_runs')")
        settled(page)
        expect(line(page, "×2").locator("input").first).to_be_visible()
        press(page, "report")
        dialog.locator(".st-key-report_title input").fill("Residual connections at depth two")
        dialog.locator(".st-key-report_hypothesis textarea").fill("<Without> them nothing learns.")
        dialog.locator(".st-key-report_conclusions textarea").fill(
            "Two layers are too few to tell."
        )
        with page.expect_download() as arriving:
            page.get_by_role("button", name="Download report").click()
        report = tmp_path / "report.html"
        arriving.value.save_as(report)
        assert watched.errors == []
        context.close()
    offline = browser.new_context(offline=True)
    page = offline.new_page()
    watched = Watched(page)
    page.goto(report.as_uri())
    expect(page.locator("h1")).to_have_text("Residual connections at depth two")
    expect(page.locator("body")).to_contain_text("<Without> them nothing learns.")
    expect(page.locator("body")).to_contain_text("Two layers are too few to tell.")
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 2")
    drawn = page.locator(".js-plotly-plot .scatterlayer path.js-line")
    assert drawn.count() >= 1
    assert drawn.first.get_attribute("d")
    assert watched.errors == []
    offline.close()


def test_runs_leave_as_a_zip_and_come_back(
    page: Page, dashboard: Dashboard, tmp_path: Path
) -> None:
    open_compare(page, dashboard)
    page.locator(".st-key-export button").first.click()
    with page.expect_download() as arriving:
        page.get_by_role("button", name="Runs as a zip").click()
    arriving.value.save_as(tmp_path / "runs.zip")
    deep = next(run for run in dashboard.store.list() if run.name == "deep")
    losses = deep.series("loss/train")[1].tolist()
    dashboard.store.delete(deep.id)
    page.goto(f"{dashboard.url}/runs")
    page.locator(".st-key-import_popover button").first.click()
    page.locator(".st-key-import_runs input[type=file]").set_input_files(tmp_path / "runs.zip")
    expect(page.locator(".stMain")).to_contain_text("1 run imported from runs.zip")
    assert RunStore(dashboard.store.root).open(deep.id).series("loss/train")[1].tolist() == losses
