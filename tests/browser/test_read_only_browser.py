"""A dashboard that only shows its runs: every page is there, and nothing of the folder changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from core.runs import RunStore, read_only
from tests.browser.driver import Dashboard, Watched, settled
from tests.fake_runs import finished

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)
TRAINED = Path(__file__).parents[1] / "unit" / "runs" / "fixtures" / "transformer-ended"
PAGES = {
    "": ("train", "train_twin", "ablation_grid"),
    "learn?lesson=add": ("lesson_run",),
    "compare": ("train_twin", "ablation_grid"),
    "attention": (),
    "anatomy": (),
    "anatomy?anatomy_section=landscape": (),
    "evidence": ("run_check",),
    "glossary": (),
    "runs": ("rename", "tag_runs", "resume_runs", "delete_runs", "import_popover", "adopt_popover"),
}


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    store = RunStore(tmp_path_factory.mktemp("shown") / "runs")
    for name, fate, placement in (("lives", "lives", "pre"), ("dies", "plateau", "post")):
        finished(store, name, fate, steps=120, model__placement=placement)
    shutil.copytree(TRAINED, store.root / TRAINED.name)
    with Dashboard(store.root, **{read_only.VARIABLE: "1"}) as one:
        yield one
        assert "Traceback" not in (log := one.log.read_text()), log


def content(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of all that lies in the folder."""
    found = sorted(root.rglob("*"))
    return {str(one): (one.stat().st_size, one.stat().st_mtime_ns) for one in found}


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_shows_and_changes_nothing(
    browser: Browser, dashboard: Dashboard, width: int
) -> None:
    before = content(dashboard.store.root)
    page = browser.new_page(viewport={"width": width, "height": 900})
    watched = Watched(page)
    for address, keys in PAGES.items():
        page.goto(f"{dashboard.url}/{address}")
        expect(page.locator(".st-key-read_only")).to_contain_text("only to look at")
        settled(page)
        assert page.locator(".stException").count() == 0, address
        for key in keys:
            buttons = page.locator(f".st-key-{key} button")
            buttons.first.wait_for(state="attached", timeout=60_000)
            for one in buttons.all():
                assert not one.is_enabled(), f"{address}: {key}"
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, address
    # The keys of the Lab start nothing either.
    page.goto(dashboard.url)
    settled(page)
    for key in ("t", "p", "s"):
        page.keyboard.press(key)
        settled(page)
    page.close()
    assert content(dashboard.store.root) == before
    assert watched.errors == []


def test_the_table_offers_no_edit_and_the_folder_stays_unnamed(
    browser: Browser, dashboard: Dashboard
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    for address in ("compare", "runs"):
        page.goto(f"{dashboard.url}/{address}")
        page.locator(".rt-sheet .rt-line").first.wait_for()
        assert page.locator(".rt-edit").count() == 0
    settled(page)
    assert str(dashboard.store.root) not in page.inner_text("body")
    page.close()


def test_no_visitor_sees_what_another_did(browser: Browser, dashboard: Dashboard) -> None:
    address = f"{dashboard.url}/learn?lesson=add"
    before = content(dashboard.store.root)
    first, second = (browser.new_context() for _ in range(2))
    page = first.new_page()
    page.goto(address)
    settled(page)
    page.locator("[data-testid=stRadio] label:has(input)").first.click()
    page.locator("[data-testid=stRadio] input:checked").first.wait_for(state="attached")
    settled(page)
    other = second.new_page()
    other.goto(address)
    settled(other)
    assert other.locator("[data-testid=stRadio] input:checked").count() == 0
    first.close()
    second.close()
    assert content(dashboard.store.root) == before
