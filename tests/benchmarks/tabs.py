"""Twenty tabs on one run: what they take from its speed, and whether the server grows.

``python -m tests.benchmarks.tabs [SECONDS]``. Browser, server and run share one machine here, so
the tabs' own drawing counts against the run; a hidden tab rests, as in every browser.

``python -m tests.benchmarks.tabs [SECONDS] served`` opens no browser: the scripts of twenty visits
run, and twenty clients ask each second for what the Lab asks for. What the server takes is then
told apart from what a machine takes that draws twenty pages at once.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

from core.config import RunConfig
from core.jobs import enqueue
from core.runs import Run
from tests.benchmarks.processes import megabytes, processor_seconds
from tests.benchmarks.visits import visit
from tests.browser.driver import Dashboard, open_browser
from tests.fake_runs import LiveFakeRun

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


def served(seconds: float = SECONDS) -> dict[str, float]:
    """MB and processor of the server whose tabs only ask; the run grows by 20 steps a second."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        with Dashboard(Path(folder) / "runs") as dashboard:
            assert dashboard.process is not None
            fake = LiveFakeRun(dashboard.store, steps=10**6, rate=20).start(at=2000)
            over = threading.Event()
            tabs = [
                threading.Thread(target=_ask, args=(dashboard.port, fake.run.id, over))
                for _ in range(TABS)
            ]
            asyncio.run(_visits(dashboard))
            for tab in tabs:
                tab.start()
            time.sleep(10)
            pid = dashboard.process.pid
            before, busy = megabytes(pid), processor_seconds(pid)
            time.sleep(seconds)
            after, busy = megabytes(pid), processor_seconds(pid) - busy
            over.set()
            for tab in tabs:
                tab.join()
            fake.stop()
    return {
        "memory of the server, MB (at most 300)": after,
        "its growth meanwhile, MB": after - before,
        "its processor, % of a core": 100 * busy / seconds,
    }


async def _visits(dashboard: Dashboard) -> None:
    """The Lab's script, once for each tab, to its end."""
    for _ in range(TABS):
        await visit(dashboard)


LAYERS = "grad_norm/block,activation/rms/resid_post,activation/rms/embed"
METRICS = ("loss/train", "loss/validation", *LAYERS.split(","))


def _ask(port: int, id: str, over: threading.Event) -> None:
    """A tab: it asks each second for what is new since the last answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    since = ["", *("" for _ in METRICS)]
    while not over.wait(1):
        asked = {
            "runs": id, "since": "~".join(since), "metrics": "loss/train,loss/validation",
            "focus": id, "layers": LAYERS, "headline": id, "points": 1024,
        }  # fmt: skip
        connection.request("GET", f"/api/live?{urlencode(asked)}")
        answer = connection.getresponse()
        body = answer.read()
        if answer.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        (run,) = json.loads(body)["runs"]
        since[0] = run.get("events", {}).get("cursor", since[0])
        for place, metric in enumerate(METRICS, 1):
            since[place] = run.get("m", {}).get(metric, {}).get("c", since[place])


def _speed(run: Run, seconds: float) -> float:
    started, step = time.perf_counter(), run.record.step
    time.sleep(seconds)
    return (run.record.step - step) / (time.perf_counter() - started)


if __name__ == "__main__":
    asked = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    for name, value in (served if "served" in sys.argv else measure)(asked).items():
        print(f"{name}: {value:.2f}")
