"""What watching costs the server and how long a person waits, measured on the real dashboard.

Of a first visit, most is Streamlit's own: reading its modules takes the page's thread about a
second, the server's script 50 ms. What helped: answers that leave at once (`dashboard.web.sockets`:
40 ms less for each of 160 files, first paint 1.70 to 1.18 s, Train 2.53 to 2.06 s, where an app of
one button has .88 and 1.44 s); its files from memory, those of the widgets named in
the page's head, plotly.js only once the page is at rest, the switches read once a script; together
a third of the page's processor time and of the server's. What did not: never loading plotly.js at
all is no faster than loading it late; packing the files saves nothing on one machine.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Error, Page, Response

from core.jobs.launcher import revive, standby_lock
from core.runs.locks import is_locked
from tests.benchmarks.processes import megabytes, processor_seconds
from tests.browser.driver import Dashboard, open_browser, press, settled
from tests.fake_runs import LiveFakeRun

TICKS = 20
TRAIN = ".st-key-train button:not([disabled])"
TRAIN_SHOWN = "a visit to Train on the screen, s"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
# Whether the Lab's chart holds a point of a run that is none of those before.
DRAWN = """before => [...document.querySelectorAll(".st-key-loss .js-plotly-plot")].some(plot =>
  (plot.data ?? []).some(t => t.meta && !before.includes(t.meta) && t.x.length
    && t.y.some(Number.isFinite)))"""


def measure() -> dict[str, float]:
    """Every figure by its name; seconds, bytes, milliseconds of processor, MB."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        with Dashboard(Path(folder) / "runs") as dashboard, open_browser() as browser:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            first = {**_paint(page, dashboard), **_click_to_first_point(page, dashboard)}
            page.close()
        with Dashboard(Path(folder) / "ten") as dashboard, open_browser() as browser:
            return {**first, **_ticks(browser.new_page(), dashboard)}


def _paint(page: Page, dashboard: Dashboard) -> dict[str, float]:
    """A second visitor's wait: the server is warm, the browser's cache empty."""
    page.goto(dashboard.url)
    page.locator(TRAIN).wait_for(timeout=60_000)
    page.wait_for_timeout(5000)  # the worker has torch imported
    waits, paints = [], []
    for _ in range(5):
        other = page.context.browser.new_page()  # type: ignore[union-attr]
        started = time.perf_counter()
        other.goto(dashboard.url, wait_until="commit")
        other.locator(TRAIN).wait_for(timeout=60_000)
        waits.append(time.perf_counter() - started)
        paints.append(other.evaluate(PAINTED) / 1000)
        other.close()
    return {"first paint, s": statistics.median(paints), TRAIN_SHOWN: statistics.median(waits)}


def _click_to_first_point(page: Page, dashboard: Dashboard) -> dict[str, float]:
    """Until a point of the very run that the click started is drawn, a worker being warm.

    The runs before it stay on the page, so a curve that is there proves nothing.
    """
    waits = []
    for _ in range(3):
        revive(dashboard.store)
        while not is_locked(standby_lock(dashboard.store)):
            time.sleep(0.1)
        time.sleep(6)  # the standby has torch imported, the page has Plotly
        settled(page)
        before = [run.id for run in dashboard.store.list()]
        started = time.perf_counter()
        press(page, "train")
        page.wait_for_function(DRAWN, arg=before, timeout=60_000, polling=20)
        waits.append(time.perf_counter() - started)
        for run in dashboard.store.list():
            run.send("stop")
        while any(r.alive for r in dashboard.store.list()):
            time.sleep(0.1)
    return {"click on Train to the first point, s": statistics.median(waits)}


def _ticks(page: Page, dashboard: Dashboard) -> dict[str, float]:
    fakes = [
        LiveFakeRun(dashboard.store, f"run {i}", steps=10_000, rate=20, seed=i).start(at=2000)
        for i in range(10)
    ]
    sizes: list[int] = []

    def count(response: Response) -> None:
        if "/api/live" in response.url:
            with contextlib.suppress(Error):  # the page may close while a reply arrives
                sizes.append(len(response.body()))

    page.on("response", count)
    ids = ",".join(fake.run.id for fake in fakes)
    page.goto(f"{dashboard.url}/compare?compare_runs={ids}")
    page.wait_for_function("window.addnormHub?.stats.ticks > 5", timeout=60_000)
    assert dashboard.process is not None
    del sizes[:]
    busy = processor_seconds(dashboard.process.pid)
    ticks = page.evaluate("window.addnormHub.stats.ticks")
    page.wait_for_function(f"window.addnormHub.stats.ticks >= {ticks + TICKS}", timeout=90_000)
    busy = processor_seconds(dashboard.process.pid) - busy
    for fake in fakes:
        fake.stop()
    return {
        "a live tick of 10 runs, ms of the server's processor": 1000 * busy / TICKS,
        "a live tick of 10 runs, bytes": float(np.median(sizes)),
        "memory of the server, MB": megabytes(dashboard.process.pid),
    }
