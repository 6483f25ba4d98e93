"""Signing in and out in a real browser, with a provider on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.driver import Dashboard, Watched, open_browser, press, settled
from tests.fake_runs import finished
from tests.provider import Provider, provider

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def signs_in() -> Iterator[Provider]:
    with provider() as one:
        yield one


@pytest.fixture(scope="module")
def dashboard(signs_in: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    home = tmp_path_factory.mktemp("home")
    signs_in.secrets(home, "http://127.0.0.1:{port}")
    own = {"HOME": str(home), "ADDNORM_TOKEN": "", "ADDNORM_USERS": "@example.org"}
    with Dashboard(home / "runs", **own) as one:
        finished(one.store, "of everybody", steps=40)
        yield one


@pytest.fixture
def page() -> Iterator[Page]:
    with open_browser() as browser:
        one: Browser = browser
        yield one.new_page(viewport={"width": 1440, "height": 900})


def test_people_sign_in_see_live_views_and_sign_out(
    dashboard: Dashboard, signs_in: Provider, page: Page
) -> None:
    watched = Watched(page)
    reply = page.goto(f"{dashboard.url}/runs?runs_find=everybody")
    assert reply is not None
    assert reply.status == 403
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    watched.errors.clear()  # Chromium notes the 403
    page.get_by_role("link", name="Sign in").click()
    settled(page)
    assert page.url.startswith(f"{dashboard.url}/runs"), "the address that was wanted"
    expect(page.get_by_text("of everybody").first).to_be_visible()
    expect(page.get_by_text("Signed in as ann@example.org.")).to_be_visible()
    asked = page.request.get(f"{dashboard.url}/api/live?runs=&metrics=loss/train")
    assert asked.status in (200, 400)
    assert watched.errors == []
    press(page, "sign_out")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert page.request.get(f"{dashboard.url}/api/live?runs=&metrics=loss/train").status == 403


def test_somebody_else_is_told_so(dashboard: Dashboard, signs_in: Provider, page: Page) -> None:
    signs_in.person = {"sub": "2", "email": "eve@evil.test", "email_verified": True}
    page.goto(dashboard.url)
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_text("eve@evil.test may not open this dashboard")).to_be_visible()
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
