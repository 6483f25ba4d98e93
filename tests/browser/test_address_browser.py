"""What Train starts is what the address and the page say, however the browser came to the Lab."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import Dashboard, choose, press, settled, switch

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

SMALL = (
    "model_width=16&model_heads=2&model_context=16&training_batch_size=4&training_checkpoint_every=0"
    "&data_corpus=repeat"
)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with Dashboard(tmp_path_factory.mktemp("address") / "runs") as one:
        yield one


def arrived(page: Page) -> None:
    page.locator(".st-key-train button:not([disabled])").wait_for()
    settled(page)


def said(page: Page) -> tuple[int, int, str]:
    """Depth, steps and placement as the page shows them."""
    depth = page.locator(".st-key-switch_model_depth .aside").inner_text()
    steps = page.locator(".st-key-fold_training .fold-values").inner_text()
    placement = page.locator(".st-key-model_placement [aria-checked=true]").inner_text()
    return int(depth.split()[0]), int(re.sub(r"\D", "", steps.split(" step")[0])), placement


def addressed(page: Page) -> tuple[int, int, str]:
    """The same as the address says it; what it leaves out is the default."""
    said = {k: v[0] for k, v in query(page.url).items()}
    return (
        int(said.get("model_depth", 6)),
        int(said.get("training_steps", 600)),
        said.get("model_placement", "pre"),
    )


def would_train(page: Page, dashboard: Dashboard) -> tuple[int, int, str]:
    """Press Train: what the config of the run says."""
    before = {run.id for run in dashboard.store.list()}
    press(page, "train")
    for _ in range(300):
        fresh = [run for run in dashboard.store.list() if run.id not in before]
        if fresh:
            break
        page.wait_for_timeout(100)
    config = json.loads((fresh[0].path / "config.json").read_text())
    settled(page)
    return (
        config["model"]["depth"],
        config["training"]["steps"],
        config["model"]["placement"],
    )


def agree(page: Page, dashboard: Dashboard, wanted: tuple[int, int, str]) -> None:
    arrived(page)
    page.wait_for_timeout(500)
    assert said(page) == addressed(page) == wanted
    assert would_train(page, dashboard) == wanted
    assert said(page) == addressed(page) == wanted


def test_back_forward_reload_and_a_second_tab(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/?{SMALL}&model_depth=2&training_steps=77")
    agree(page, dashboard, (2, 77, "pre"))
    switch(page, "model_placement", "post")
    settled(page)
    agree(page, dashboard, (2, 77, "post"))
    page.goto(f"{dashboard.url}/?{SMALL}&model_depth=3")
    agree(page, dashboard, (3, 600, "pre"))
    to_compare(page)
    page.go_back()
    agree(page, dashboard, (3, 600, "pre"))
    switch(page, "model_placement", "post")
    settled(page)
    page.get_by_role("link", name="Runs").click()
    page.locator(".st-key-train").wait_for(state="detached")
    settled(page)
    page.get_by_role("link", name="Lab").click()
    agree(page, dashboard, (3, 600, "post"))
    page.reload()
    agree(page, dashboard, (3, 600, "post"))
    other = page.context.browser.new_page()  # type: ignore[union-attr]
    other.set_default_timeout(90_000)
    other.goto(page.url)
    agree(other, dashboard, (3, 600, "post"))
    other.close()


def test_back_and_forward_through_pages_and_settings(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/?{SMALL}&model_depth=2&training_steps=77")
    agree(page, dashboard, (2, 77, "pre"))
    to_compare(page)
    page.get_by_role("link", name="Lab").click()
    arrived(page)
    page.wait_for_timeout(500)
    assert said(page) == addressed(page) == (2, 77, "pre")
    go(page, "back")  # not to an entry of the Lab that says nothing
    assert urlparse(page.url).path == "/compare"
    go(page, "forward")
    arrived(page)
    assert said(page) == addressed(page) == (2, 77, "pre")
    switch(page, "model_placement", "post")
    settled(page)
    assert would_train(page, dashboard) == (2, 77, "post")  # adds an entry to the history
    switch(page, "model_placement", "pre")
    settled(page)
    assert said(page) == addressed(page) == (2, 77, "pre")
    go(page, "back")
    assert urlparse(page.url).path == "/"
    assert said(page) == addressed(page) == (2, 77, "post")
    go(page, "forward")
    assert said(page) == addressed(page) == (2, 77, "pre")
    go(page, "back")
    agree(page, dashboard, (2, 77, "post"))


def test_back_to_a_grouped_and_zoomed_compare(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/?{SMALL}&model_depth=2&training_steps=40")
    agree(page, dashboard, (2, 40, "pre"))
    to_compare(page)
    choose(page, "group_by", "nothing")
    settled(page)
    area = page.locator(".st-key-compare_curves .nsewdrag").first.bounding_box()
    assert area
    page.mouse.move(area["x"] + area["width"] * 0.2, area["y"] + 30)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + 200, steps=6)
    page.mouse.up()
    page.wait_for_url("**compare_zoom=**")
    settled(page)
    left = page.url
    page.get_by_role("link", name="Lab", exact=True).click()
    arrived(page)
    lab = page.url
    to_compare(page)
    expect(page.locator(".st-key-group_by input")).to_have_value("nothing")
    assert query(page.url) == query(left), "a link opens it as it was left"
    go(page, "back")
    expect(page).to_have_url(lab)  # Streamlit completes an address in up to three steps
    assert said(page) == addressed(page) == (2, 40, "pre")
    go(page, "back")
    expect(page).to_have_url(left)
    expect(page.locator(".st-key-group_by input")).to_have_value("nothing")
    low, high = map(float, query(left)["compare_zoom"][0].split(",")[:2])
    shown = page.locator(".st-key-compare_curves .js-plotly-plot").first
    expect(shown).to_be_visible()
    assert shown.evaluate("plot => plot.layout.xaxis.range") == pytest.approx([low, high])


def query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlparse(url).query)


def to_compare(page: Page) -> None:
    page.get_by_role("link", name="Compare").click()
    page.locator(".st-key-compare_filter").wait_for()
    settled(page)


def go(page: Page, way: str) -> None:
    """Back or Forward by one entry, until the page has been drawn for it."""
    before = page.url
    page.go_back() if way == "back" else page.go_forward()
    assert page.url != before
    page.wait_for_timeout(1000)
    settled(page)
    page.wait_for_timeout(500)
    settled(page)


def test_the_sidebar_goes_with_the_lab(page: Page, dashboard: Dashboard) -> None:
    """Also when the Lab is left while its script runs, where Streamlit would leave it open."""
    for _ in range(3):
        page.goto(f"{dashboard.url}/?{SMALL}")
        page.locator(".st-key-train button").wait_for()
        page.get_by_role("link", name="Compare", exact=True).first.click()
        page.wait_for_url("**/compare*")
        settled(page)
        expect(page.locator(".stSidebar")).to_be_hidden()  # gone is hidden too
        page.get_by_role("link", name="Lab", exact=True).first.click()
        expect(page.locator(".stSidebar .st-key-train")).to_be_visible()
