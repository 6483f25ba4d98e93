"""Records what /api/live answers, tick by tick, for the tests of the browser's hub.

`python -m tests.unit.dashboard.record_replies` writes `dashboard/frontend/test/replies/*.json`:
the replies to one client that polls a run while its files grow, and what the files say at the end.
`test_replies.py` holds the recorded shape against what the routes answer today.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.runs import Run, RunStore
from dashboard import api
from dashboard.web.assets import FRONTEND
from tests.fake_runs import Faker, config

REPLIES = FRONTEND / "test" / "replies"
METRICS = ["loss/train", "loss/validation", "grad_norm/block", "loss/nothing"]
LONG = 1500  # steps; more than a chart of `points` points draws one by one


class Client:
    """Polls one run as the hub does: it sends back the cursors that it was given."""

    def __init__(self, client: TestClient, run: Run, metrics: list[str], points: int) -> None:
        self.client, self.run, self.metrics, self.points = client, run, metrics, points
        self.cursors = dict.fromkeys(["", *metrics], "")

    def tick(self) -> dict[str, Any]:
        """One reply of /api/live."""
        query = {
            "runs": self.run.id,
            "since": "~".join(self.cursors.values()),
            "metrics": ",".join(self.metrics),
            "headline": self.run.id,
            "latest": "activation/rms/resid_post",
            "points": str(self.points),
        }
        reply: dict[str, Any] = self.client.get("/api/live", params=query).json()
        one = reply["runs"][0]
        if "events" in one:
            self.cursors[""] = one["events"]["cursor"]
        for metric, news in one.get("m", {}).items():
            self.cursors[metric] = news.get("c", "")
        return reply


def _grows(faker: Faker, tick: Callable[[], None]) -> None:
    tick()
    at = 0
    for more in (1, 7, 0, 40, 3):
        faker.write(at, at + more)
        at += more
        tick()


def _resumes(faker: Faker, tick: Callable[[], None]) -> None:
    faker.write(0, 60)
    faker.alarm(38, "plateau", "stuck")
    faker.alarm(55, "learns", "better", "good")
    tick()
    faker.start(40)  # from a checkpoint
    tick()
    faker.write(40, 52)
    tick()


def _is_thinned(faker: Faker, tick: Callable[[], None]) -> None:
    for first, last in ((0, 60), (60, 400), (400, 401), (401, 700), (700, LONG)):
        faker.write(first, last)
        tick()


def _diverges(faker: Faker, tick: Callable[[], None]) -> None:
    faker.fate = "diverges"
    faker.write(0, 118)
    tick()
    faker.write(118, 130)
    tick()


# name: what happens, steps planned, points of a chart, metrics
SCENES: dict[str, tuple[Callable[[Faker, Callable[[], None]], None], int, int, list[str]]] = {
    "grows": (_grows, 200, 1024, METRICS),
    "resumes": (_resumes, 200, 1024, METRICS),
    "is_thinned": (_is_thinned, LONG, 64, ["loss/train"]),
    "diverges": (_diverges, 200, 1024, METRICS),
}


def recorded(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each scene's name and record. `ADDNORM_RUNS` has to be `folder`."""
    store = RunStore(folder)
    client = TestClient(
        Starlette(routes=api.ROUTES, middleware=api.MIDDLEWARE), base_url="http://127.0.0.1:8601"
    )
    for name, (happens, steps, points, metrics) in SCENES.items():
        run = store.create(config(name, steps, model__depth=2))
        faker = Faker(run)
        faker.start()
        faker.status("running", 0)
        lock = run.lock()
        assert lock.acquire(), "a run is at work as long as someone holds its lock"
        polls = Client(client, run, metrics, points)
        ticks: list[dict[str, Any]] = []
        happens(faker, lambda ticks=ticks, polls=polls: ticks.append(polls.tick()))  # type: ignore[misc]
        record = {"metrics": metrics, "ticks": ticks, "expected": _on_disk(run, metrics, points)}
        faker.close()
        lock.release()
        text = json.dumps(record).replace(run.id, "a")
        yield name, json.loads(text)


def _on_disk(run: Run, metrics: list[str], points: int) -> dict[str, Any]:
    """What the run's files say, however one polled."""
    series = {}
    for metric in metrics:
        if metric == "loss/nothing":
            continue
        steps, values = run.series(metric)
        rows = np.where(np.isfinite(values), values, None).tolist()
        series[metric] = {
            "steps": steps.tolist(),
            "values": [_short(v) for v in rows],
            "thinned": len(steps) > points,
        }
    events = run.events
    # A start behind the first is told as a restart.
    alarms = [
        [e["step"], e.get("level", "restart")]
        for e in events
        if e["kind"] == "alarm" or (e["kind"] == "start" and e["segment"])
    ]
    samples = [e["step"] for e in events if e["kind"] == "sample"]
    return {
        "series": series,
        "state": "running",
        "alarms": alarms,
        "sample": samples[-1] if samples else None,
    }


def _short(value: Any) -> Any:
    """Seven digits, so that the files stay small."""
    if isinstance(value, list):
        return [_short(v) for v in value]
    return None if value is None else float(f"{value:.7g}")


def main() -> None:
    """Write every scene."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ADDNORM_RUNS"] = folder
        REPLIES.mkdir(parents=True, exist_ok=True)
        for name, record in recorded(Path(folder)):
            path = REPLIES / f"{name}.json"
            path.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")
            print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
