"""How listing and opening grow: thousands of runs that nobody has measured, one very long run.

``python -m tests.benchmarks.many [FOLDER]``; the runs are made in FOLDER, and kept there, or in one
that is removed.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser

from core.catalogue.summary import FILE
from core.runs import RunStore
from tests.browser.driver import Dashboard, open_browser
from tests.many_runs import make

LISTED = ".st-key-runs_table .rt-sheet .rt-line"
TRAIN = ".st-key-train button:not([disabled])"
CURVE = """() => [...document.querySelectorAll(".st-key-loss .js-plotly-plot")].some(plot =>
  (plot.data ?? []).some(t => t.meta && t.x.length > 10))"""
BUDGETS = {
    "3,000 runs without a digest: Compare lists them, s": "at most 5",
    "3,000 runs without a digest: Lab shows Train, s": "at most 2",
    "3,000 runs: Compare again, s": "",
    "one run of 1,000,000 steps: Lab shows Train, s": "at most 2",
    "one run of 1,000,000 steps: its curve is drawn, s": "",
    "10,000 runs: Runs lists them, s": "",
}


def measure(folder: Path) -> dict[str, float]:
    """Seconds by name, from an address typed in until what is named stands there."""
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    compare, lab, again, train, curve, listed = BUDGETS
    found = {}
    many, long, more = (RunStore(folder / name) for name in ("many", "long", "more"))
    if not more.root.is_dir():
        make(many, 3000, 300)
        make(long, 1, 1_000_000)
        copies(many, more, 10_000)
    with open_browser() as browser:
        for path, selector, name in (("/compare", LISTED, compare), ("/", TRAIN, lab)):
            for run in many.list():
                (run.path / FILE).unlink(missing_ok=True)
            with Dashboard(many.root) as dashboard:
                found[name] = _until(browser, dashboard, path, selector)
                if path == "/compare":
                    found[again] = _until(browser, dashboard, path, selector)
        with Dashboard(long.root) as dashboard:
            found[train] = _until(browser, dashboard, "/", TRAIN)
        with Dashboard(long.root) as dashboard:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            began = time.perf_counter()
            page.goto(dashboard.url)
            page.wait_for_function(CURVE, timeout=120_000)
            found[curve] = time.perf_counter() - began
        with Dashboard(more.root) as dashboard:
            found[listed] = _until(browser, dashboard, "/runs", LISTED)
    return found


def copies(source: RunStore, target: RunStore, count: int) -> None:
    """So many runs, copied from a store's own: writing one takes a quarter of a second."""
    runs = source.list()
    for number in range(count):
        created = datetime(2026, 1, 1) + timedelta(seconds=number)
        id = f"{created:%Y%m%d-%H%M%S}-{number:06x}"
        shutil.copytree(runs[number % len(runs)].path, target.root / id)
        target.open(id).update_meta(name=f"run {number}")


def _until(browser: Browser, dashboard: Dashboard, path: str, selector: str) -> float:
    """A server that never read these runs; the browser knows none of its files."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    began = time.perf_counter()
    page.goto(dashboard.url + path, wait_until="commit")
    page.locator(selector).first.wait_for(timeout=120_000)
    took = time.perf_counter() - began
    page.close()
    return took


def main() -> None:
    """Print each figure beside its budget."""
    if len(sys.argv) > 1:
        found = measure(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder))
    for name, value in found.items():
        print(f"{name}: {value:.2f}{f'   ({BUDGETS[name]})' if BUDGETS[name] else ''}")


if __name__ == "__main__":
    main()
