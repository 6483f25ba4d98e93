""" "What am I looking at?" as a person uses it: by mouse and keys, on every page with charts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core.runs import RunStore
from tests.browser.driver import Dashboard, settled
from tests.fake_runs import finished

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)
OPEN = ".anl-what-panel:popover-open"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    store = RunStore(tmp_path_factory.mktemp("notices") / "runs")
    finished(store, "lives", "lives", steps=120, model__placement="pre")
    finished(store, "dies", "plateau", steps=120, model__placement="post")
    with Dashboard(store.root) as one:
        yield one
        assert "Traceback" not in (log := one.log.read_text()), log


def test_it_opens_by_key_says_what_is_drawn_closes_and_gives_the_focus_back(
    page: Page, dashboard: Dashboard
) -> None:
    ids = [run.id for run in dashboard.store.list()]
    page.goto(f"{dashboard.url}/?lab_runs={','.join(ids)}")
    button = page.locator(".st-key-loss .anl-what-button")
    button.wait_for()
    page.wait_for_function("document.querySelector('.st-key-loss .js-plotly-plot')")
    settled(page)
    assert button.get_attribute("aria-label") == "What am I looking at?"
    button.focus()
    page.keyboard.press("Enter")
    panel = page.locator(OPEN)
    panel.wait_for()
    expect(button).to_have_attribute("aria-expanded", "true")
    said = panel.inner_text()
    assert "To the right: steps of training." in said
    assert "lives" in said
    assert "dies" in said
    assert "% below" in said
    box = panel.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1440
    assert box["y"] + box["height"] <= 900
    link = panel.get_by_role("link", name="Nat", exact=True)
    assert link.get_attribute("href") == "/glossary?term=nat"
    page.keyboard.press("t")  # trains nothing while it is read
    page.keyboard.press("Escape")
    expect(page.locator(OPEN)).to_have_count(0)
    assert button.evaluate("node => node === document.activeElement")
    expect(button).to_have_attribute("aria-expanded", "false")
    assert len(dashboard.store.list()) == len(ids)


def test_a_press_beside_it_closes_it_and_one_on_its_button_too(
    page: Page, dashboard: Dashboard
) -> None:
    page.goto(f"{dashboard.url}/")
    button = page.locator(".st-key-loss .anl-what-button")
    button.wait_for()
    settled(page)
    button.click()
    page.locator(OPEN).wait_for()
    button.click()
    expect(page.locator(OPEN)).to_have_count(0)
    button.click()
    page.locator(OPEN).wait_for()
    page.mouse.click(700, 20)
    expect(page.locator(OPEN)).to_have_count(0)


PAGES = {
    "/": (".st-key-loss", ".st-key-gradients", ".st-key-residual", ".st-key-activations",
          ".st-key-explained_block"),
    "/compare": (".st-key-compare_curves", ".st-key-compare_profiles",
                 ".st-key-explained_verdicts"),
    "/evidence": (".st-key-fig_evidence",),
}  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_every_chart_says_something(page: Page, dashboard: Dashboard, path: str) -> None:
    page.goto(f"{dashboard.url}{path}")
    for where in PAGES[path]:
        button = page.locator(f"{where} .anl-what-button").first
        button.wait_for()
        settled(page)
        button.scroll_into_view_if_needed()
        button.click()
        panel = page.locator(OPEN)
        panel.wait_for()
        assert len(panel.locator("p").first.inner_text()) > 20, where
        now = panel.locator(".anl-what-now p")
        assert now.count(), where
        assert all(text.strip() for text in now.all_inner_texts()), where
        assert panel.get_by_role("link").count(), where
        assert "undefined" not in panel.inner_text()
        assert "{" not in panel.inner_text()
        page.keyboard.press("Escape")
        expect(page.locator(OPEN)).to_have_count(0)


def test_a_switch_leads_to_the_glossary(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/")
    page.wait_for_selector(".st-key-train button:enabled")
    settled(page)
    page.locator(".st-key-model_depth [data-testid=stTooltipIcon]").first.hover()
    link = page.get_by_role("link", name="In the glossary: Block, layer, sublayer")
    expect(link).to_be_visible()
    assert (link.get_attribute("href") or "").endswith("/glossary?term=block")
