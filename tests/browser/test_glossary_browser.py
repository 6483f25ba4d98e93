"""The glossary as a person uses it: looks for a word, follows a link, comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.driver import Dashboard, settled

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with Dashboard(tmp_path_factory.mktemp("glossary") / "runs") as one:
        yield one


def names(page: Page) -> list[str]:
    return page.locator(".term h3").all_inner_texts()


def test_a_word_is_found_and_leads_into_the_lab(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/glossary")
    page.wait_for_selector(".st-key-term_residual .diagram")
    page.wait_for_selector(".st-key-term_sweep .term h3")
    settled(page)
    everything = names(page)
    box = page.get_by_label("Look for a word")
    box.fill("warmup learning-rate schedule")
    box.press("Enter")
    page.wait_for_function("document.querySelectorAll('.term').length === 1")
    assert names(page) == ["Warm-up"]
    assert page.locator(".st-key-term_warm_up .term-picture").is_visible()
    assert page.locator(".st-key-term_warm_up .katex").count()
    page.get_by_role("link", name="post-LN without it").click()
    page.wait_for_selector(".st-key-train button:enabled")
    settled(page)
    assert "model_placement=post" in page.url
    assert page.locator(".st-key-card_block").get_by_text("post-LN").first.is_visible()
    page.go_back()
    page.wait_for_selector(".st-key-term_warm_up")
    settled(page)
    assert names(page) == ["Warm-up"], "as it was left"
    box.fill("")
    box.press("Enter")
    page.wait_for_selector(".st-key-term_residual")
    settled(page)
    assert names(page) == everything


def test_a_link_to_a_word_shows_it_first(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/glossary?term=rank_collapse")
    page.wait_for_selector(".st-key-chosen_rank_collapse .term h3")
    settled(page)
    assert names(page)[0] == "Rank collapse"
    assert names(page).count("Rank collapse") == 1
    page.goto(f"{dashboard.url}/glossary?term=zebra")
    page.wait_for_selector(".st-key-term_residual")
    settled(page)
    page.get_by_text("The address says term = zebra, which is not possible").wait_for()
    box = page.get_by_label("Look for a word")
    box.fill("zebra")
    box.press("Enter")
    page.get_by_text("No such word here").wait_for()
