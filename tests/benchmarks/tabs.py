"""Twenty tabs on one run: what they take from its speed, and whether the server grows.

``python -m tests.benchmarks.tabs [SECONDS]`` opens twenty tabs of one browser window: the one in
front draws, the others rest, as browsers have it. ``python -m tests.benchmarks.tabs [SECONDS]
served`` opens no browser: the scripts of twenty visits run, and twenty clients ask each second for
what the Lab asks for, as twenty people on machines of their own would. Server, run and readers
share one machine in both; the readers of the second kind cost it next to nothing.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

from core.config import RunConfig
from core.jobs import enqueue
from core.runs import Run
from tests.benchmarks.processes import megabytes, processor_seconds
from tests.benchmarks.visits import visit
from tests.browser.driver import FLAGS, Dashboard, chromium

TABS, SECONDS = 20, 120


def measure(seconds: float = SECONDS) -> dict[str, float]:
    """Twenty tabs of one window, of which one is in front."""
    with _run_alone() as (dashboard, run, alone), _window() as open_tab:
        for _ in range(TABS):
            open_tab(f"{dashboard.url}/?lab_runs={run.id}")
        time.sleep(60)  # until each has drawn, and all but the last one rest
        return _watched(dashboard, run, alone, seconds)


@contextmanager
def _window() -> Iterator[Callable[[str], None]]:
    """One window of Chromium, and what opens a tab in it.

    Without Playwright, which tells every page that it is in front: here only the newest tab is.
    """
    with tempfile.TemporaryDirectory() as profile:
        started = subprocess.Popen(
            [chromium() or "chromium", *FLAGS, "--headless=new", "--remote-debugging-port=0",
             f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        port = Path(profile) / "DevToolsActivePort"
        try:
            while not port.exists():
                time.sleep(0.1)
            local = f"127.0.0.1:{port.read_text().splitlines()[0]}"

            def open_tab(url: str) -> None:
                connection = http.client.HTTPConnection(local)
                connection.request("PUT", f"/json/new?{quote(url, safe='')}")
                connection.getresponse().read()

            yield open_tab
        finally:
            started.terminate()
            started.wait()


def served(seconds: float = SECONDS) -> dict[str, float]:
    """Twenty readers elsewhere: each has opened the page, and asks once a second."""
    with _run_alone() as (dashboard, run, alone):
        over = threading.Event()
        tabs = [
            threading.Thread(target=_ask, args=(dashboard.port, run.id, over)) for _ in range(TABS)
        ]
        asyncio.run(_visits(dashboard))
        for tab in tabs:
            tab.start()
        time.sleep(10)
        figures = _watched(dashboard, run, alone, seconds)
        over.set()
        for tab in tabs:
            tab.join()
    return figures


@contextmanager
def _run_alone() -> Iterator[tuple[Dashboard, Run, float]]:
    """A dashboard with a run that nobody watches yet, and its speed in steps/s."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        with Dashboard(Path(folder) / "runs") as dashboard:
            run = enqueue(dashboard.store, RunConfig.from_flat({"training.steps": 10**6}))
            while run.record.step < 200:
                time.sleep(0.5)
            yield dashboard, run, _speed(run, 60)
            run.send("stop")
            while run.alive:
                time.sleep(0.2)


def _watched(dashboard: Dashboard, run: Run, alone: float, seconds: float) -> dict[str, float]:
    assert dashboard.process is not None
    pid = dashboard.process.pid
    before, busy = megabytes(pid), processor_seconds(pid)
    watched = _speed(run, seconds)
    after, busy = megabytes(pid), processor_seconds(pid) - busy
    return {
        f"steps/s with {TABS} tabs / alone (at least 0.9)": watched / alone,
        "steps/s alone": alone,
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
