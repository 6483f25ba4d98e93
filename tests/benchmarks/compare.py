"""Compare with 250 long runs, and TensorBoard beside it on the same training losses.

Both are opened in one Chromium on one machine, one after the other; each figure is from this run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, Error, Page, Response

from core.runs import RunStore
from core.transfer.tensorboard import to_tensorboard
from tests.benchmarks.processes import megabytes, processor_seconds
from tests.browser.driver import Dashboard, open_browser, settled
from tests.fake_runs import LiveFakeRun
from tests.many_runs import make

RUNS, STEPS, LAYERS = 250, 10_000, 8
LIVE, TICKS = 10, 20
METRIC = "loss/train"
PLOT = ".st-key-compare_curves .anl-plot"
# So many lines are drawn when so many paths stand in the page, not when their data has come.
DRAWN = f"""n => {{
  const plot = document.querySelector("{PLOT}")
  return Number(plot?.dataset.lines) === n && n ===
    [...plot.querySelectorAll(".scatterlayer .lines path")].filter(p => p.getAttribute("d")).length
}}"""
# From a click until the chart shows as many lines as it should, in the page's own clock.
CHANGE = f"""async ([click, lines]) => {{
  const drawn = {DRAWN}
  const began = performance.now()
  document.querySelector(click).click()
  while (!drawn(lines)) await new Promise(requestAnimationFrame)
  return performance.now() - began
}}"""
# Of each run in the page, the means of their buckets among them.
POINTS = f"""() => Math.min(...[...window.addnormHub.runs.values()]
  .map(r => r.series.get("{METRIC}")?.steps.length).filter(Boolean))"""
EVERY = ".st-key-runs_table .rt-header input"
FIRST = ".st-key-runs_table .rt-sheet .rt-line input"


@dataclass(frozen=True)
class Row:
    """One line of the table; None where TensorBoard has nothing to compare."""

    what: str
    ours: float
    theirs: float | None
    budget: str


def measure() -> list[Row]:
    """All figures: seconds, milliseconds, bytes, MB."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        store = RunStore(Path(folder) / "runs")
        make(store, RUNS, STEPS, LAYERS, seeds=1)  # seeds would be gathered in groups
        with open_browser() as browser:
            ours = {**_open(browser, store), **_live(browser, store)}
            to_tensorboard(store.list()[:RUNS], Path(folder) / "events", [METRIC])
            theirs = _tensorboard(browser, Path(folder) / "events")
    seconds = f"{RUNS} runs drawn after opening, s"
    return [
        Row(f"{seconds}; nothing kept from before", ours["never"], None, ""),
        Row(seconds, ours["open"], theirs["open"], "at most 2"),
        Row("points drawn of each run", ours["points"], 1000, "every spike kept"),
        Row("one run unticked to drawn, ms", ours["untick"], theirs["untick"], "at most 300"),
        Row("none to all 250 to drawn, ms", ours["all"], None, "at most 300"),
        Row(f"a tick of {LIVE} live runs among them, bytes", ours["bytes"], None, "at most 5,000"),
        Row("its processor time in the server, ms", ours["tick"], None, "at most 15"),
        Row("memory of the server, MB", ours["memory"], theirs["memory"], "at most 300"),
        Row("heap of the page, MB", ours["heap"], theirs["heap"], ""),
    ]


def _open(browser: Browser, store: RunStore) -> dict[str, float]:
    """From the Lab to 250 drawn lines, in a server that never read these runs' metrics."""
    found = {}
    # Runs are summed up when they are listed for the first time ever; that is told apart.
    for name in ("never", "open"):
        with Dashboard(store.root) as dashboard:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            found[name] = _navigate(page, dashboard)
            if name == "open":
                found |= _change(page)
                assert dashboard.process is not None
                found["memory"] = megabytes(dashboard.process.pid)
                found["heap"] = _heap(page)
                found["points"] = page.evaluate(POINTS)
            page.close()
    return found


def _navigate(page: Page, dashboard: Dashboard) -> float:
    page.goto(dashboard.url)
    page.locator(".st-key-train button").wait_for(timeout=60_000)
    page.wait_for_function("Boolean(window.Plotly?.react)", timeout=60_000)
    settled(page)
    page.wait_for_timeout(6000)  # the standby has torch imported and leaves the processor alone
    began = time.perf_counter()
    page.get_by_role("link", name="Compare", exact=True).click()
    page.wait_for_function(DRAWN, arg=RUNS, polling="raf", timeout=120_000)
    return time.perf_counter() - began


def _change(page: Page) -> dict[str, float]:
    settled(page)
    page.wait_for_timeout(3000)
    unticked, everything = [], []
    for _ in range(5):
        unticked.append(page.evaluate(CHANGE, [FIRST, RUNS - 1]))
        page.wait_for_timeout(1500)
        page.evaluate(CHANGE, [FIRST, RUNS])
        page.wait_for_timeout(1500)
        page.locator(EVERY).click()
        page.wait_for_timeout(1500)
        everything.append(page.evaluate(CHANGE, [EVERY, RUNS]))
        page.wait_for_timeout(1500)
    return {"untick": statistics.median(unticked), "all": statistics.median(everything)}


def _live(browser: Browser, store: RunStore) -> dict[str, float]:
    fakes = [
        LiveFakeRun(
            store,
            f"live {i}",
            steps=STEPS,
            rate=20,
            seed=i,
            model__depth=LAYERS,
            training__evaluate_every=500,
            optimizer__learning_rate=0.002 + i / 10_000,  # equal ones would be one group
        )
        for i in range(LIVE)
    ]
    for fake in fakes:
        fake.start(at=2000)
    sizes: list[int] = []

    def count(response: Response) -> None:
        if "/api/live" in response.url:
            with contextlib.suppress(Error):  # the page may close while a reply arrives
                sizes.append(len(response.body()))

    with Dashboard(store.root) as dashboard:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{dashboard.url}/compare")
        page.wait_for_function(DRAWN, arg=RUNS, timeout=120_000)
        # Ended runs are asked once more and then left alone.
        page.wait_for_function("window.addnormHub.stats.ticks > 8", timeout=60_000)
        assert dashboard.process is not None
        page.on("response", count)
        busy = processor_seconds(dashboard.process.pid)
        ticks = page.evaluate("window.addnormHub.stats.ticks")
        page.wait_for_function(f"window.addnormHub.stats.ticks >= {ticks + TICKS}", timeout=90_000)
        busy = processor_seconds(dashboard.process.pid) - busy
        for fake in fakes:
            fake.stop()
        page.close()
    return {"tick": 1000 * busy / TICKS, "bytes": statistics.median(sizes)}


@contextlib.contextmanager
def _served(events: Path) -> Iterator[tuple[str, int]]:
    """TensorBoard's address and process id, once it has read everything."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(events)]
    with open(events.parent / "tensorboard.log", "wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)], stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            with contextlib.suppress(OSError), urlopen(f"{url}/data/runs", timeout=5) as reply:
                if reply.read().count(b'"') // 2 >= RUNS:
                    break
            time.sleep(0.5)
        # It has listed all runs and still reads their events: until its processor rests.
        before = -1.0
        while processor_seconds(process.pid) - before > 0.05:
            before = processor_seconds(process.pid)
            time.sleep(3)
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


# Its chart is painted by a worker, of which the page hears nothing. Taken as drawn: every run is
# ticked, the reply with all series has come, and the page has rested after it; that is at the
# latest when the last line stands, so the figure favours TensorBoard.
RESTED = """() => new Promise(rested => requestIdleCallback(() =>
  requestAnimationFrame(() => requestAnimationFrame(rested))))"""
UNTICK = f"""async () => {{
  const box = document.querySelectorAll("runs-data-table tb-data-table-content-cell input,"
    + "runs-data-table mat-checkbox input")[1]
  const began = performance.now()
  box.click()
  await ({RESTED})()
  return performance.now() - began
}}"""
TICKED = "[...document.querySelectorAll('runs-data-table input:checked')].length"


def _tensorboard(browser: Browser, events: Path) -> dict[str, float]:
    with _served(events) as (url, pid):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        began = time.perf_counter()
        with page.expect_response("**/timeseries/timeSeries", timeout=120_000) as series:
            page.goto(f"{url}/#timeseries")
        series.value.finished()
        page.locator("scalar-card line-chart canvas").first.wait_for(timeout=120_000)
        page.evaluate(RESTED)
        opened = time.perf_counter() - began
        assert page.evaluate(TICKED) >= RUNS, "TensorBoard draws some of the runs only"
        page.wait_for_timeout(3000)
        unticked = []
        for _ in range(6):  # off and on
            unticked.append(page.evaluate(UNTICK))
            page.wait_for_timeout(1500)
        found = {"open": opened, "untick": statistics.median(unticked), "heap": _heap(page)}
        return {**found, "memory": megabytes(pid, children=True)}


def _heap(page: Page) -> float:
    return float(page.evaluate("performance.memory.usedJSHeapSize")) / 2**20


def table(rows: list[Row]) -> str:
    """The figures as Markdown."""
    lines = [
        f"| {RUNS} runs × {STEPS:,} steps × {LAYERS} layers | here | TensorBoard 2.21 | budget |",
        "|---|--:|--:|---|",
    ]
    for row in rows:
        theirs = "" if row.theirs is None else f"{row.theirs:,.4g}"
        lines.append(f"| {row.what} | {row.ours:,.4g} | {theirs} | {row.budget} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(measure()))
