"""Twenty tabs on one run: what they take from its speed, and whether the server grows.

``python -m tests.benchmarks.tabs [SECONDS]``. Browser, server and run share one machine here, so
the tabs' own drawing counts against the run; a hidden tab rests, as in every browser.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from core.config import RunConfig
from core.jobs import enqueue
from core.runs import Run
from tests.benchmarks.processes import megabytes, processor_seconds
from tests.browser.driver import Dashboard, open_browser

TABS, SECONDS = 20, 120


def measure(seconds: float = SECONDS) -> dict[str, float]:
    """The run's speed with the tabs as a part of that without, MB and processor of the server."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        with Dashboard(Path(folder) / "runs") as dashboard, open_browser() as browser:
            assert dashboard.process is not None
            run = enqueue(dashboard.store, RunConfig.from_flat({"training.steps": 10**6}))
            while run.record.step < 100:
                time.sleep(0.5)
            alone = _speed(run, 30)
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            for _ in range(TABS):
                page = context.new_page()
                page.goto(f"{dashboard.url}/?lab_runs={run.id}")
                page.locator(".st-key-train button").wait_for(timeout=120_000)
            time.sleep(10)
            before, busy = (
                megabytes(dashboard.process.pid),
                processor_seconds(dashboard.process.pid),
            )
            watched = _speed(run, seconds)
            busy = processor_seconds(dashboard.process.pid) - busy
            after = megabytes(dashboard.process.pid)
            run.send("stop")
            while run.alive:
                time.sleep(0.2)
    return {
        f"steps/s with {TABS} tabs / alone (at least 0.9)": watched / alone,
        "steps/s alone": alone,
        "memory of the server, MB (at most 300)": after,
        "its growth meanwhile, MB": after - before,
        "its processor, % of a core": 100 * busy / seconds,
    }


def _speed(run: Run, seconds: float) -> float:
    started, step = time.perf_counter(), run.record.step
    time.sleep(seconds)
    return (run.record.step - step) / (time.perf_counter() - started)


if __name__ == "__main__":
    for name, value in measure(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS).items():
        print(f"{name}: {value:.2f}")
