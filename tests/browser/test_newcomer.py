"""Who is here for the first time: the tour, the simple view, and what is remembered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from tests.browser.driver import Dashboard, Watched, open_browser, press, settled, switch
from tests.browser.walking import LOOK

pytestmark = pytest.mark.browser
STOPS = 6
# The tour's card, its frame, and how much of the frame the card covers.
WHERE = """() => {
  const box = s => document.querySelector(s).getBoundingClientRect()
  const [card, frame] = [box('.tour-card'), box('.tour-frame')]
  const w = Math.min(card.right, frame.right) - Math.max(card.left, frame.left)
  const h = Math.min(card.bottom, frame.bottom) - Math.max(card.top, frame.top)
  return { over: Math.max(0, w) * Math.max(0, h), frame: [frame.width, frame.height],
    inside: card.left >= 0 && card.top >= 0
      && card.right <= innerWidth && card.bottom <= innerHeight,
    seen: frame.right > 0 && frame.left < innerWidth
      && frame.bottom > 0 && frame.top < innerHeight }
}"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with Dashboard(tmp_path_factory.mktemp("newcomer") / "runs") as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser(been_here=False) as one:
        yield one


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = opened(browser)
    watched = Watched(page)
    yield page
    assert watched.errors == []
    page.context.close()


def opened(browser: Browser, width: int = 1440, height: int = 900, **more: Any) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height}, **more)
    page.set_default_timeout(60_000)
    return page


def arrive(page: Page, dashboard: Dashboard, query: str = "") -> None:
    page.goto(f"{dashboard.url}/{query}")
    page.wait_for_selector(".st-key-train button:enabled", state="attached")
    settled(page)


def card(page: Page) -> Any:
    return page.locator(".tour-card")


def test_the_tour_is_offered_once_and_takes_nothing_away(page: Page, dashboard: Dashboard) -> None:
    arrive(page, dashboard)
    expect(card(page)).to_contain_text("New here?")
    assert page.evaluate("document.activeElement === document.body"), "nobody asked for it yet"
    switch(page, "model_placement", "post")  # the page can be used beside it
    settled(page)
    assert "model_placement=post" in page.url
    card(page).get_by_role("button", name="Not now").click()
    expect(card(page)).to_be_hidden()
    page.reload()
    settled(page)
    page.wait_for_selector(".st-key-train button:enabled")
    expect(card(page)).to_be_hidden()


def test_escape_sends_the_offer_away_for_good(page: Page, dashboard: Dashboard) -> None:
    arrive(page, dashboard)
    expect(card(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(card(page)).to_be_hidden()
    page.reload()
    page.wait_for_selector(".st-key-train button:enabled")
    settled(page)
    expect(card(page)).to_be_hidden()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_six_stops_by_the_arrow_keys_and_none_is_covered(
    browser: Browser, dashboard: Dashboard, width: int, height: int
) -> None:
    page = opened(browser, width, height)
    arrive(page, dashboard)
    card(page).get_by_role("button", name="Take the tour").press("Enter")
    titles = []
    for stop in range(STOPS):
        expect(page.locator(".tour-count")).to_have_text(f"{stop + 1} of {STOPS}")
        page.wait_for_timeout(900)
        # What it speaks of may still move on a busy machine; the card follows four times a second.
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(f"({WHERE})().over === 0", timeout=10_000)
        where = page.evaluate(WHERE)
        page.screenshot(path=f"test-results/tour-{width}-{stop + 1}.png")
        titles.append(page.locator(".tour-title").inner_text())
        assert where["over"] == 0, (titles[-1], where)
        assert where["inside"], (titles[-1], where)
        assert where["seen"], (titles[-1], where)
        assert min(where["frame"]) > 20, (titles[-1], where)
        page.keyboard.press("ArrowRight")
    expect(card(page)).to_be_hidden()
    assert len(set(titles)) == STOPS
    page.context.close()


def test_the_arrow_back_escape_and_the_way_back_from_the_menu(
    page: Page, dashboard: Dashboard
) -> None:
    arrive(page, dashboard)
    card(page).get_by_role("button", name="Take the tour").click()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tour-title")).to_have_text("Train")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tour-title")).to_have_text("The switches")
    page.keyboard.press("Escape")
    expect(card(page)).to_be_hidden()
    for place in ("", "glossary"):
        page.goto(f"{dashboard.url}/{place}")
        settled(page)
        page.get_by_role("button", name="Help: tour").click()
        page.get_by_role("button", name="Tour of the Lab").click()
        page.wait_for_selector(".st-key-train button:enabled")
        expect(page.locator(".tour-count")).to_have_text(f"1 of {STOPS}")
        assert page.evaluate("document.activeElement.className").startswith("tour-button")
        card(page).get_by_role("button", name="Skip").click()
        expect(card(page)).to_be_hidden()


def test_less_motion_is_honoured(browser: Browser, dashboard: Dashboard) -> None:
    page = opened(browser, reduced_motion="reduce")
    arrive(page, dashboard)
    page.evaluate(
        """() => { window.how = []
          Element.prototype.scrollIntoView = o => how.push(o.behavior) }"""
    )
    card(page).get_by_role("button", name="Take the tour").click()
    for _ in range(STOPS - 1):
        page.keyboard.press("ArrowRight")
    assert set(page.evaluate("how")) == {"auto"}
    frame = page.locator(".tour-frame")
    assert frame.evaluate("e => getComputedStyle(e).transitionDuration") in ("0s", "0.2s")
    assert frame.evaluate("e => getComputedStyle(e).transitionProperty") == "none"
    page.context.close()


def hidden(page: Page, key: str) -> bool:
    return page.locator(f".st-key-{key}").first.is_hidden()


def test_the_simple_view_shows_five_switches_and_is_remembered(
    page: Page, dashboard: Dashboard
) -> None:
    arrive(page, dashboard, "?model_width=32&model_depth=3")
    page.keyboard.press("Escape")
    for key in ("model_residual", "model_placement", "model_norm", "model_depth"):
        assert not hidden(page, key)
    for key in ("model_family", "model_init", "fold_model", "fold_probes"):
        assert hidden(page, key)
    assert page.locator(".st-key-model_placement [role=radio]:visible").count() == 4
    assert page.evaluate(LOOK) == []
    said = page.locator(".st-key-switch_model_residual .effect")
    expect(said).to_contain_text("y = x + F(x)")
    switch(page, "model_residual", "off")
    expect(said).to_contain_text("product of Jacobians")
    page.locator(".st-key-others_differ summary").click()
    expect(page.locator(".others")).to_contain_text("Width")
    before = page.url
    press(page, "show_all")
    page.wait_for_selector(".st-key-fold_model summary:visible")
    assert page.url == before
    assert page.locator(".st-key-model_placement [role=radio]:visible").count() == 9
    settled(page)
    page.reload()
    page.wait_for_selector(".st-key-fold_model summary:visible")
    assert "model_width=32" in page.url
    switch(page, "lab_view", "simple")
    page.wait_for_selector(".st-key-fold_model summary", state="hidden")
    assert page.url == before


def test_arrow_keys_walk_over_what_is_shown_alone(page: Page, dashboard: Dashboard) -> None:
    arrive(page, dashboard)
    page.keyboard.press("Escape")
    chosen = page.locator(".st-key-model_placement [role=radio][aria-checked=true]")
    chosen.focus()
    seen = []
    for _ in range(4):
        page.keyboard.press("Tab")
        if not page.evaluate("document.activeElement.closest('.st-key-model_placement')"):
            break
        seen.append(page.evaluate("document.activeElement.innerText"))
    assert set(seen) <= {"pre", "post", "sandwich", "none"}
