"""One damaged run: a line of its own, and all others go on."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from core.catalogue import index
from core.programs.rows import row
from core.runs import Run, RunStore
from dashboard.live import feed as live
from tests import routes
from tests.fake_runs import finished

NESTED = "[" * 100_000 + "]" * 100_000
EVENTS = [
    {"kind": "alarm", "step": "5", "text": "x"},
    {"kind": ["alarm"], "step": 5},
    {"kind": "start", "step": None},
    {"kind": "alarm", "step": 5, "text": {"a": 1}, "level": 3},
    {"kind": "start", "step": 5, "segment": "x"},
    {"kind": "sample", "step": 5, "text": 7},
]
CONTENTS = {
    "list": b"[]",
    "object": b"{}",
    "null": b"null",
    "text": b'"x"',
    "number": b"5",
    "nested": NESTED.encode(),
    "empty": b"",
    "binary": bytes(range(256)),
    "events": "\n".join(json.dumps(event) for event in EVENTS).encode(),
    "objects": b'[{"a": 1}, 5, null]',
    "types": b'{"name": [], "tags": 5, "note": {}, "colour": "x", "vocabulary": "x",'
    b' "unigram_entropy": "x", "probe_tokens": 5, "alphabet": 5, "twin_of": [], "schema": 1}',
}


@pytest.fixture
def client(store: RunStore) -> Any:
    return routes.client()


def files_of(run: Run) -> list[str]:
    every = [p.relative_to(run.path).as_posix() for p in run.path.rglob("*") if p.is_file()]
    one_of_each = {name.rpartition("/")[0] or name: name for name in sorted(every)}
    return sorted({*one_of_each.values(), "switches.json", "events.jsonl"})


@pytest.mark.parametrize("kind", CONTENTS)
def test_every_file_of_a_run_in_turn(store: RunStore, client: TestClient, kind: str) -> None:
    good = finished(store, "good", steps=40)
    bad = finished(store, "bad", steps=40)
    step = bad.snapshots.steps[-1]
    for name in files_of(bad):
        path = bad.path / name
        kept = path.read_bytes() if path.exists() else None
        path.write_bytes(CONTENTS[kind])
        live.FEEDS.clear()
        query = f"runs={bad.id},{good.id}&metrics=loss/train&headline={bad.id}&focus={bad.id}"
        answer = client.get(f"/api/live?{query}")
        assert answer.status_code == 200, name
        _, told = answer.json()["runs"]
        assert told["state"] == "finished"
        assert told["m"]["loss/train"]["v"]
        for route in (f"/api/attention/{bad.id}", f"/api/attention/{bad.id}/{step}",
                      f"/api/attention/{bad.id}/{step}/scores",
                      f"/api/attention/{bad.id}/{step}/0/0"):  # fmt: skip
            assert client.get(route).status_code in (200, 400, 404), (name, route)
        assert client.get(f"/api/attention/{good.id}/{step}/scores").status_code == 200
        series = client.get(f"/api/series?run={bad.id},{good.id}&metric=loss/train")
        assert series.status_code == 200
        assert good.id in [entry.id for entry in index.entries(store)], name
        again = RunStore(store.root)
        listed = {run.id: row(run)["state"] for run in again.list()}
        assert listed[good.id] == "finished"
        assert bad.id in {*listed, *again.unreadable()}
        if kept is None:
            path.unlink()
        else:
            path.write_bytes(kept)


def test_a_wrong_event_is_left_out_and_the_others_stay(store: RunStore) -> None:
    run = finished(store, steps=20)
    known = run.events
    with open(Path(run.path, "events.jsonl"), "ab") as file:
        file.write(CONTENTS["events"] + b"\n" + NESTED.encode() + b"\n")
    assert run.events == known
