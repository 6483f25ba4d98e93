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
from core.jobs.launcher import standby_lock
from core.runs import RunStore
from core.runs.locks import is_locked
from tests.browser.driver import Dashboard, open_browser
from tests.many_runs import make

LISTED = ".st-key-runs_table .rt-sheet .rt-line"
TRAIN = ".st-key-train button:not([disabled])"
CURVE = """() => [...document.querySelectorAll(".st-key-loss .js-plotly-plot")].some(plot =>
  (plot.data ?? []).some(t => t.meta && t.x.length > 10))"""
# What is measured: its name, which folder of runs, the page, what stands there in the end, budget.
CASES = (
    ("no run: Lab shows Train", "none", "/", TRAIN, 2),
    ("one run of 1,000,000 steps: Lab shows Train", "long", "/", TRAIN, 2),
    ("3,000 runs without a digest: Lab shows Train", "many", "/", TRAIN, 2),
    ("3,000 runs without a digest: Compare lists them", "many", "/compare", LISTED, 5),
    ("10,000 runs without a digest: Runs lists the newest", "more", "/runs", LISTED, 2),
    ("one run of 1,000,000 steps: its curve is drawn", "long", "/", CURVE, None),
)


def measure(folder: Path) -> dict[str, tuple[float, float]]:
    """Seconds from an address typed in until what is named stands there: of a server that runs,
    and of one that was just started.

    Neither has ever read these runs, and the browser knows none of its files. To the server that
    runs they are moved once it has shown the Lab without runs and its worker waits.
    """
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    stores = {name: RunStore(folder / name) for name in ("none", "long", "many", "more")}
    if not stores["more"].root.is_dir():
        make(stores["many"], 300, 300)
        copies(stores["many"], stores["more"], 10_000)
        shutil.rmtree(stores["many"].root)
        copies(stores["more"], stores["many"], 3000)
        make(stores["long"], 1, 1_000_000)
        stores["none"].root.mkdir()
    found = {}
    with open_browser() as browser:
        for name, which, path, there, _ in CASES:
            source = stores[which]
            _forget(source)
            with Dashboard(source.root) as dashboard:
                started = _until(browser, dashboard, path, there)
            _forget(source)
            with Dashboard(folder / "served") as dashboard:
                for _ in range(2):
                    _until(browser, dashboard, "/", TRAIN)
                while not is_locked(standby_lock(dashboard.store)):
                    time.sleep(0.1)
                time.sleep(6)  # it has torch imported
                _move(source, dashboard.store)
                try:
                    runs = _until(browser, dashboard, path, there)
                finally:
                    _move(dashboard.store, source)
            found[name] = runs, started
            print(line(name, *found[name]), flush=True)
    return found


def _forget(store: RunStore) -> None:
    """As if nobody had measured these runs."""
    for name in store.names():
        (store.root / name / FILE).unlink(missing_ok=True)


def _move(source: RunStore, target: RunStore) -> None:
    for name in source.names():
        os.rename(source.root / name, target.root / name)


def copies(source: RunStore, target: RunStore, count: int) -> None:
    """So many runs, copied from a store's own: writing one takes a quarter of a second."""
    runs = source.list()
    for number in range(count):
        created = datetime(2026, 1, 1) + timedelta(seconds=number)
        id = f"{created:%Y%m%d-%H%M%S}-{number:06x}"
        shutil.copytree(runs[number % len(runs)].path, target.root / id)
        target.open(id).update_meta(name=f"run {number}")


def _until(browser: Browser, dashboard: Dashboard, path: str, there: str) -> float:
    """Seconds of one visit; `there` is a selector, or a function of the page."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    began = time.perf_counter()
    page.goto(dashboard.url + path, wait_until="commit")
    if there.startswith("()"):
        page.wait_for_function(there, timeout=120_000, polling=50)
    else:
        page.locator(there).first.wait_for(timeout=120_000)
    took = time.perf_counter() - began
    page.close()
    return took


def line(name: str, runs: float, started: float) -> str:
    """A row of the record's table."""
    budget = {case: budget for case, *_, budget in CASES}[name]
    return f"| {name} | {runs:.2f} | {started:.2f} | {budget or ''} |"


def main() -> None:
    """Print the table, a row as soon as it is known."""
    print("| | s, of a server that runs | of one just started | budget, s |\n|---|--:|--:|--:|")
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder))


if __name__ == "__main__":
    main()
