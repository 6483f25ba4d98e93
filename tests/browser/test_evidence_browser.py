"""The Evidence page in a browser: a claim opens, is measured here, and shows its value."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from core.jobs.processes import CHECKS
from core.runs.locks import is_locked
from tests.browser.driver import Dashboard, Watched, press, settled, switch

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    home: Path = tmp_path_factory.mktemp("evidence")
    with Dashboard(home / "runs", XDG_RUNTIME_DIR=str(home)) as one:
        yield one
        lock = CHECKS.lock(one.store.root)
        if is_locked(lock):
            os.kill(int(lock.read_text()), signal.SIGKILL)
        assert "Traceback" not in (log := one.log.read_text()), log


def test_a_claim_opens_is_measured_here_and_shows_its_value(
    browser: Browser, dashboard: Dashboard
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    watched = Watched(page)
    page.goto(f"{dashboard.url}/evidence")
    page.get_by_text("claims of published papers").wait_for()
    settled(page)
    switch(page, "evidence_group", "Attention")
    press(page, "claim_one-token")
    card = page.locator(".st-key-card_claim")
    expect(card.locator(".card-title")).to_contain_text("With one token")
    expect(card.locator(".katex").first).to_be_visible()
    expect(page.locator(".js-plotly-plot .scatterlayer .trace")).to_have_count(2)
    assert "evidence_claim=one-token" in page.url

    press(page, "run_check")
    expect(card.locator(".ev-origin")).to_contain_text("measured here on", timeout=120_000)
    expect(card.locator(".ev-values td.ev-in")).to_contain_text("inside")
    expect(page.locator(".ev-summary")).to_contain_text("1 measured here")

    page.reload()  # what was measured stays, and so does what was open
    expect(card.locator(".ev-origin")).to_contain_text("measured here on")
    assert watched.errors == []
    page.close()


def test_it_fits_a_narrow_window(browser: Browser, dashboard: Dashboard) -> None:
    for width in (1024, 390):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark")
        page.goto(f"{dashboard.url}/evidence?evidence_claim=rank-collapse")
        page.locator(".st-key-card_claim .ev-values").wait_for()
        settled(page)
        page.wait_for_function(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
        page.close()
