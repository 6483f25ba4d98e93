"""Hostile addresses in a real browser: nothing of them is obeyed, and every page is drawn.

Thousands of them are read without a browser in `tests/inputs/test_addresses.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.driver import Dashboard, Watched, settled
from tests.fake_runs import finished
from tests.inputs.test_addresses import OWN

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

NAME = "<img src=x onerror=window.hit=1> :red[r] **b** $y$ [l](javascript:1) \x1b[2J"
ADDRESSES = {
    "lab": ("", "model_depth"),
    "compare": ("compare", "compare_filter"),
    "attention": ("attention", "attention_text"),
    "anatomy": ("anatomy", "anatomy_prompt"),
    "runs": ("runs", "runs_filter"),
}


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with Dashboard(tmp_path_factory.mktemp("hostile") / "runs") as one:
        for depth in (2, 3):
            finished(one.store, steps=20, model__depth=depth).update_meta(
                name=f"{NAME} {depth}", note=NAME, tags=[NAME]
            )
        yield one


@pytest.mark.parametrize("page_name", ADDRESSES)
def test_a_page_of_a_hostile_address_and_hostile_names(
    browser: Browser, dashboard: Dashboard, page_name: str
) -> None:
    page: Page = browser.new_page()
    page.set_default_timeout(90_000)
    watched = Watched(page)
    path, own = ADDRESSES[page_name]
    runs = ",".join(run.id for run in dashboard.store.list())
    values = dict.fromkeys(OWN, "'\"><script>window.hit=1</script>")
    values |= {
        own: "\x1b[2J\u202e[[[[",
        f"{page_name}_runs": runs,
        "anatomy_run": runs.split(",")[0],
    }
    query = "&".join(f"{name}={quote(text)}" for name, text in values.items())
    page.goto(f"{dashboard.url}/{path}?{query}")
    page.locator(".stApp .anl").first.wait_for()
    settled(page)
    body = page.locator("body")
    expect(body).not_to_contain_text("could not be drawn")
    assert page.evaluate("window.hit") is None
    assert page.locator("img[src=x], a[href^=javascript]").count() == 0
    assert [said for said in watched.errors if "Content Security" in said] == []
    if page_name == "attention":
        expect(page.locator(".st-key-attention_view")).to_contain_text("<img src=x on")
    page.close()
