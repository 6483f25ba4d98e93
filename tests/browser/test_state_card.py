"""The Lab's first rows in every state of a run: nothing is covered, cut in silence, or jumps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.runs import Run, Status
from tests.browser.driver import Dashboard, settled, switch
from tests.fake_runs import LiveFakeRun, finished

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

LONG = "a rather long name that somebody gave to this run so that it is found again, seed by seed"
SIZES = ((1440, 900), (1024, 768), (390, 844))
WORDS = {
    "finished": "finished",
    "plateau": "finished",
    "diverged": "diverged",
    "failed": "failed",
    "out_of_memory": "out of memory",
    "stopped": "stopped",
    "running": "training",
}
WRONG = (Path(__file__).parent / "state_card.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with Dashboard(tmp_path_factory.mktemp("states") / "runs") as one:
        yield one


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(90_000)
    yield page
    page.close()


@pytest.fixture(scope="module")
def states(dashboard: Dashboard) -> Iterator[dict[str, Run]]:
    """A run with a long name in every state that lasts."""
    store = dashboard.store
    fates = {"finished": "lives", "plateau": "plateau", "diverged": "diverges"}
    found = {state: finished(store, LONG, fate, steps=12345) for state, fate in fates.items()}
    sentences = {
        "failed": "the disk is full: free some space and press Resume",
        "out_of_memory": "the kernel killed its process for want of memory; training needs about"
        " 12.5 GB of memory, and 3.1 GB are free: training.accumulate 4 or training.recompute true"
        " with training.accumulate 2 would fit; resumed, it goes on from its checkpoint at"
        " step 200",
        "stopped": "",
    }
    for state, said in sentences.items():
        run = found[state] = finished(store, LONG, steps=300)
        run.write_status(Status(state=state, step=300, steps=12345, message=said))
    live = LiveFakeRun(store, LONG, steps=123_456, rate=5).start(at=300)
    found["running"] = live.run
    yield found
    live.stop()


@pytest.mark.parametrize("state", list(WORDS))
def test_nothing_in_the_state_card_is_covered_or_cut(
    page: Page, dashboard: Dashboard, states: dict[str, Run], tmp_path: Path, state: str
) -> None:
    wrong = []
    page.goto(f"{dashboard.url}/?lab_runs={states[state].id}")
    expect(page.locator(".st-key-run_state .anl-who")).to_contain_text(WORDS[state])
    settled(page)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(400)
        page.screenshot(path=tmp_path / f"{state}-{width}.png")
        wrong += [f"at {width}: {one}" for one in page.evaluate(WRONG)]
    assert wrong == []


@pytest.mark.parametrize("width", [1440, 1024])
def test_the_page_does_not_jump_when_the_wiring_changes(
    page: Page, dashboard: Dashboard, states: dict[str, Run], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{dashboard.url}/?lab_runs={states['finished'].id}")
    page.locator(".st-key-loss").wait_for()
    settled(page)
    page.wait_for_timeout(500)
    tops = {"at first": page.locator(".st-key-loss").bounding_box()["y"]}  # type: ignore[index]
    for placement in ("post", "sandwich", "normformer", "mix", "hybrid", "none", "pre"):
        switch(page, "model_placement", placement)
        settled(page)
        page.wait_for_timeout(200)
        tops[placement] = page.locator(".st-key-loss").bounding_box()["y"]  # type: ignore[index]
    assert len(set(tops.values())) == 1, tops
