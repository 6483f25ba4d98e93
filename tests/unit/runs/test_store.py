"""Runs on disk: created, listed, damaged, deleted, alive or not."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.files import write_atomically
from core.runs import RunError, RunStore, Status, events, small_files
from core.runs import store as store_module
from core.runs.events import EventLog, append_event
from core.runs.locks import Lock, is_locked
from core.runs.snapshots import Snapshots
from core.runs.status import goes_on, receive, send
from tests.conftest import small


def test_a_new_run_is_queued_and_complete(store: RunStore) -> None:
    run = store.create(small(), "Grüße, a / strange name")
    assert run.status == "queued"
    assert run.name == "Grüße, a / strange name"
    assert run.config == small()
    assert [r.id for r in store.list()] == [run.id]
    assert RunStore(store.root).open(run.id).config == small()
    assert json.loads((run.path / "status.json").read_text())["schema"] == 1
    assert json.loads((run.path / "config.json").read_text())["schema"] == 1


def test_a_run_opens_from_the_moment_that_its_name_is_seen(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is written last: a directory that is listed is a whole run."""
    seen: list[str] = []

    def look(path: Path, content: object) -> None:
        write_atomically(path, content)
        for name in os.listdir(store.root):
            if not name.startswith("."):
                RunStore(store.root).open(name).record  # noqa: B018
                seen.append(name)

    monkeypatch.setattr("core.runs.store.write_atomically", look)
    monkeypatch.setattr("core.files.write_atomically", look)
    first = store.create(small())
    second = store.create(small())
    assert set(seen) == {first.id}
    assert sorted(os.listdir(store.root)) == [first.id, second.id]


def test_runs_take_the_colours_in_order(store: RunStore) -> None:
    assert [store.create(small()).meta["colour"] for _ in range(10)] == [*range(10)]


def test_ids_are_in_order_at_the_end_of_a_second(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounded, the last half millisecond would stand before the second's beginning."""
    now = 1_790_000_000_000_000_000
    ids = []
    for later in (998_000_000, 999_700_000, 1_001_000_000):
        monkeypatch.setattr(store_module.time, "time_ns", lambda later=later: now + later)
        ids.append(store.create(small(), "x").id)
    assert ids == sorted(ids)
    assert [run.meta["colour"] for run in store.list()] == [0, 1, 2]


def test_without_its_worker_a_run_is_interrupted(store: RunStore) -> None:
    run = store.create(small())
    run.write_status(Status(state="running", step=5, steps=30))
    assert run.status == "interrupted"
    lock = run.lock()
    assert lock.acquire()
    code = (
        "import sys; from core.runs import RunStore\n"
        "print(RunStore(sys.argv[1]).open(sys.argv[2]).status)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(store.root), run.id], capture_output=True, text=True
    )
    assert said.stdout.strip() == "running"
    with pytest.raises(RunError, match="stop it first"):
        store.delete(run.id)
    lock.release()
    assert run.status == "interrupted"


def test_an_interrupted_run_says_from_which_step_it_goes_on(store: RunStore) -> None:
    run = store.create(small())
    run.write_status(Status(state="running", step=53, steps=600))
    assert run.resumes_at is None
    assert run.record.message.endswith(
        "resumed, it has no checkpoint yet: it starts again at step 0 and its 53 steps are drawn"
        " anew"
    )
    for step in (20, 40, 50):
        for suffix in (".json", ".safetensors", ".state.safetensors"):
            (run.path / "checkpoints" / f"step-{step:09d}{suffix}").write_text("{}")
    # The newest that has all parts: one is thinned to its weights, one was never completed.
    (run.path / "checkpoints/step-000000050.state.safetensors").unlink()
    (run.path / "checkpoints/step-000000060.state.safetensors").write_text("")
    assert run.resumes_at == 40
    assert "goes on from its checkpoint at step 40" in run.record.message
    assert "1 step is drawn anew" in goes_on(None, 1)
    assert goes_on(None, 0).endswith("starts again at step 0")


def test_two_probes_do_not_take_each_other_for_a_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    assert not is_locked(path)
    first, second = Lock(path), Lock(path)
    assert first.acquire()
    assert is_locked(path)
    assert not second.acquire()
    first.release()
    assert second.acquire()


def test_damaged_runs_are_named_and_the_rest_listed(store: RunStore) -> None:
    good, broken, future, gone = (store.create(small()) for _ in range(4))
    (broken.path / "config.json").write_text("{")
    (future.path / "config.json").write_text('{"schema": 7}')
    shutil.rmtree(gone.path)
    fresh = RunStore(store.root)
    assert [r.id for r in fresh.list()] == [good.id]
    problems = fresh.unreadable()
    assert set(problems) == {broken.id, future.id}
    assert "schema" in problems[future.id]
    (good.path / "status.json").write_text("")
    assert fresh.open(good.id).status == "failed"
    with pytest.raises(RunError, match="no run"):
        fresh.open(gone.id)
    with pytest.raises(RunError, match="no run"):
        fresh.open("../" + good.id)


def test_delete(store: RunStore) -> None:
    run = store.create(small())
    store.delete(run.id)
    assert store.list() == []
    assert not run.path.exists()


def test_a_folder_that_cannot_be_written_gives_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="ADDNORM_RUNS"):
        RunStore(tmp_path / "file" / "runs").create(small())


def test_events_after_a_resume_count_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [
        {"kind": "start", "step": 0, "segment": 0},
        {"kind": "alarm", "step": 3, "text": "kept"},
        {"kind": "alarm", "step": 12, "text": "redone"},
        {"kind": "start", "step": 10, "segment": 1},
        {"kind": "alarm", "step": 12, "text": "anew"},
    ]
    path.write_text("\n".join(json.dumps(x) for x in lines) + '\n{"kind": "al')
    assert [e.get("text") for e in EventLog(path).read()] == [None, "kept", None, "anew"]


def test_a_growing_log_of_events_reads_as_one_read_at_once(tmp_path: Path) -> None:
    path, grown = tmp_path / "events.jsonl", EventLog(tmp_path / "events.jsonl")
    assert grown.read() == []
    for step, kind in enumerate(("start", "alarm", "sample", "alarm", "alarm")):
        append_event(path, {"kind": kind, "step": step, "text": f"{kind} at {step}"})
        assert [e["step"] for e in grown.read()] == list(range(step + 1))
    kept = grown.read()
    with open(path, "ab") as file:
        file.write(b'{"kind": "alarm", "step": 5}')  # whole, but its line is not ended
    assert [e["step"] for e in grown.read()] == [0, 1, 2, 3, 4, 5]
    with open(path, "ab") as file:
        file.write(b'\n{"kind": "al')
    append_event(path, {"kind": "start", "step": 3})  # it takes up again there
    assert [e["step"] for e in grown.read()] == [0, 1, 2, 3]
    assert grown.read() == EventLog(path).read()
    assert len(kept) == 5
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"alarm at 1", b"alarm xt 1"))  # a line read long ago
    os.utime(path, (1, 1))  # sizes are equal, so the times must differ
    assert [e["step"] for e in grown.read()] == [0, 2, 3]
    path.write_bytes(whole)
    os.utime(path, (2, 2))
    assert [e["step"] for e in grown.read()] == [0, 1, 2, 3]
    path.write_bytes(b"\n".join(whole.split(b"\n")[:2]) + b"\n")  # cut to its beginning
    assert [e["step"] for e in grown.read()] == [0, 1]
    path.unlink()
    assert grown.read() == []


def test_of_a_log_that_grows_only_new_lines_are_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    parsed: list[bytes] = []
    read = events.parse_json
    monkeypatch.setattr(events, "parse_json", lambda line: parsed.append(line) or read(line))
    for step in range(20):
        append_event(path, {"kind": "sample", "step": step, "text": "To be"})
        assert len(log.read()) == step + 1
    assert len([line for line in parsed if line]) == 20


def test_the_newest_runs_are_read_without_the_others(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [store.create(small()).id for _ in range(3)]
    (store.root / ids[-1] / "config.json").write_text("{")
    read: list[str] = []
    whole = small_files.config
    monkeypatch.setattr(small_files, "config", lambda path: read.append(path) or whole(path))
    fresh = RunStore(store.root)
    assert next(fresh.newest()).id == ids[1]  # the damaged one is left out
    assert len({*read}) == 2
    assert [run.id for run in fresh.newest()] == [ids[1], ids[0]]
    assert [run.id for run in fresh.list()] == ids[:2]


def test_the_list_of_runs_is_read_again_only_when_it_changes(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.create(small())
    os.utime(store.root, (1, 1))  # long ago
    assert store.names() == [first.id]
    listed: list[Any] = []
    names = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(path) or names(path))
    assert store.names() == [first.id]
    assert store.open(first.id).id == first.id
    assert not listed
    second = store.create(small())
    for _ in range(2):  # just after a change it is read each time
        assert set(store.names()) == {first.id, second.id}
    assert len(listed) >= 2
    store.delete(second.id)
    with pytest.raises(RunError, match="no run"):
        store.open(second.id)


def test_commands_are_obeyed_in_order_and_once(tmp_path: Path) -> None:
    folder = tmp_path / "control"
    for command in ("pause", "step", "resume"):
        send(folder, command)  # type: ignore[arg-type]
    (folder / "000-nonsense").touch()
    assert [order.command for order in receive(folder)] == ["pause", "step", "resume"]
    assert receive(folder) == []
    assert receive(tmp_path / "vanished") == []


def test_snapshots_round_trip_and_thin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = Snapshots(tmp_path)
    pattern = np.tril(np.random.default_rng(0).random((2, 3, 8, 8))).astype(np.float16)
    snapshots.write(10, pattern)
    np.testing.assert_array_equal(snapshots.pattern(10), pattern)
    with pytest.raises(KeyError, match="nearest is 10"):
        snapshots.pattern(11)
    size = os.path.getsize(snapshots.path(10))
    monkeypatch.setattr("core.runs.snapshots.BUDGET_BYTES", 8 * size)
    for step in range(20, 200, 10):
        snapshots.write(step, pattern)
    kept = snapshots.steps
    assert kept[0] == 10
    assert kept[-1] == 190
    assert len(kept) <= 8
    snapshots.forget_from(100)
    assert max(snapshots.steps) < 100


@pytest.mark.parametrize("size", [1, 6, 8, 35])  # 6 · 6 numbers are also a triangle of 8
def test_snapshots_of_two_way_attention_keep_the_square(tmp_path: Path, size: int) -> None:
    snapshots = Snapshots(tmp_path)
    pattern = np.random.default_rng(1).random((2, 3, size, size)).astype(np.float16)
    snapshots.write(3, pattern, causal=False)
    np.testing.assert_array_equal(snapshots.pattern(3), pattern)


def test_a_second_listing_parses_nothing_again(store: RunStore) -> None:
    for _ in range(30):
        store.create(small())
    first = {r.id: r for r in store.list()}
    # The same objects: nothing was parsed twice. (Counted, not timed.)
    assert all(first[r.id] is r for r in store.list())
    assert sorted(first) == [r.id for r in store.list()]
