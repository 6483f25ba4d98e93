"""What is typed and pressed in the dialogs means what it says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.driver import Dashboard, press, settled
from tests.fake_runs import finished

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with Dashboard(tmp_path_factory.mktemp("dialogs") / "runs") as one:
        finished(one.store)
        yield one


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(90_000)
    yield page
    page.close()


def test_a_typed_number_is_ticked_and_not_one_that_begins_with_it(
    page: Page, dashboard: Dashboard
) -> None:
    page.goto(f"{dashboard.url}/")
    page.locator(".st-key-train").wait_for()
    settled(page)
    press(page, "ablation_grid")
    steps = page.locator(".st-key-grid_training_steps input").first
    for typed in ("60", "600"):
        steps.click()
        steps.fill(typed)
        steps.press("Enter")
        settled(page)
    page.keyboard.press("Escape")  # the list of offered numbers
    ticked = page.locator(".st-key-grid_training_steps")
    expect(ticked.get_by_text("60", exact=True)).to_be_visible()
    expect(ticked.get_by_text("600", exact=True)).to_be_visible()
    expect(page.locator(".st-key-grid_start button")).to_contain_text("Queue 2 runs")


def test_escape_closes_the_report_s_dialog_after_a_download(
    page: Page, dashboard: Dashboard
) -> None:
    page.goto(f"{dashboard.url}/compare")
    page.locator(".st-key-compare_filter").wait_for()
    settled(page)
    page.get_by_role("button", name="Report").click()
    button = page.locator(".st-key-report_download button")
    with page.expect_download():
        button.click()
    expect(button).to_be_enabled()
    page.keyboard.press("Escape")
    expect(page.locator(".stDialog")).to_have_count(0)


def test_a_tick_that_is_made_while_the_page_is_drawn_anew_is_heard(
    page: Page, dashboard: Dashboard
) -> None:
    page.goto(f"{dashboard.url}/runs")
    page.locator(".st-key-compare_these").wait_for()
    settled(page)
    page.wait_for_function("[...window.addnormHub?.views ?? []].some((view) => view.tickAll)")
    page.evaluate("""() => {
      const table = [...window.addnormHub.views].find((view) => view.tickAll)
      table.tickAll([table.props.rows[0].id], true)
      table.update(table.component)  // what a rerun that another press asked for does
    }""")
    expect(page.locator(".st-key-compare_these button:visible").last).to_be_enabled()
    settled(page)
    expect(page.locator(".st-key-compare_these button:visible").last).to_be_enabled()
