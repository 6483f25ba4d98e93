"""A run is forked in the Lab and trained to its end; what waits is moved on Runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from core.jobs import launcher, waiting
from core.jobs.slots import Slot
from core.machine import slots
from core.runs import RunStore
from core.training.control import NullControl
from core.training.trainer import Trainer
from tests.browser.driver import Dashboard, Watched, choose, press, settled
from tests.conftest import small
from tests.farm import wait_until

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

BRANCH = """() => (document.querySelector(".st-key-loss .anl-plot")?.data ?? []).flatMap(
  (trace) => (trace.marker?.symbol === "triangle-right" ? trace.text : []))"""


def test_a_fork_starts_where_the_page_says_and_the_queue_obeys(
    browser: Browser, tmp_path: Path
) -> None:
    store = RunStore(tmp_path / "runs")
    parent = store.create(small(training__steps=40), "the parent")
    Trainer(parent, NullControl()).train()
    with Dashboard(store.root) as dashboard:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        watched = Watched(page)
        page.goto(f"{dashboard.url}/")
        press(page, "fork")
        choose(page, "fork_step", "30")
        press(page, "fork_from")
        line = page.locator(".st-key-fork_line")
        expect(line).to_contain_text("Starts from step 30 to 40 of the parent")
        page.reload()  # the address says all of it
        expect(line).to_contain_text("Starts from step 30 to 40 of the parent")
        press(page, "train")
        wait_until(lambda: len(store.list()) == 2)
        made = store.list()[-1]
        wait_until(lambda: made.status == "finished")
        steps, losses = made.series("loss/train")
        assert steps[0] == 30
        np.testing.assert_array_equal(losses, parent.series("loss/train")[1][30:])
        said = page.locator(".st-key-run_state")
        expect(said).to_contain_text("forked from the parent at step 30")
        page.wait_for_function(f"({BRANCH})().length === 1")
        assert "forked from the parent at step 30" in page.evaluate(BRANCH)[0]
        press(page, "fork_off")
        expect(line).to_have_count(0)

        # All slots are taken, so that what is queued stays where it is put.
        taken = [Slot("cpu") for _ in range(slots("cpu"))]
        for slot in taken:
            slot.enter(wait=False)
        first, second, third = (launcher.add(store, small(), name) for name in "abc")
        page.goto(f"{dashboard.url}/runs")
        settled(page)
        rows = page.locator(".st-key-runs_table [role=row]")
        expect(rows.filter(has_text="waiting, third")).to_have_count(1)
        rows.filter(has_text="waiting, third").locator("input").click()
        button = page.locator(".st-key-queue_first button:not([disabled]):visible").last
        button.focus()
        page.keyboard.press("Enter")
        wait_until(lambda: waiting(store) == [third.id, first.id, second.id])
        press(page, "queue_down")
        wait_until(lambda: waiting(store) == [first.id, third.id, second.id])
        assert watched.errors == []
        page.close()
        for slot in taken:
            slot.leave()
