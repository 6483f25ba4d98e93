"""What is damaged or of a later release is told, and is never overwritten."""

import json
from pathlib import Path

import numpy as np
import pytest

from core import jobs
from core.programs.rows import details
from core.runs import Run, RunError, RunStore, Status
from core.runs.snapshots import Snapshots
from tests.fake_runs import finished


def newer(run: Run, **changes: object) -> bytes:
    """The run's status as a later release may write it."""
    path = run.path / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2, **changes}))
    return path.read_bytes()


@pytest.mark.parametrize("state", ["finished", "stopped", "queued", "running", "paused", "new"])
@pytest.mark.parametrize("command", ["pause", "resume", "stop", "step", "switch"])
def test_a_status_of_a_later_release_is_never_overwritten(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, state: str, command: str
) -> None:
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    run = finished(store, steps=10)
    content = newer(run, state=state)
    assert run.status == "failed"
    assert "schema 2" in run.record.message
    assert "release that wrote it" in run.record.message
    with pytest.raises(RunError, match="schema 2"):
        jobs.control(store, run, command, "0: residual=off")
    with pytest.raises(RunError, match="schema 2"):
        run.write_status(Status(state="finished"))
    assert (run.path / "status.json").read_bytes() == content
    assert list((run.path / "control").iterdir()) == []
    deleted = jobs.delete(store, run)
    assert deleted
    assert (deleted.path / "status.json").read_bytes() == content, "moved as it is"
    assert (store.restore(run.id).path / "status.json").read_bytes() == content


@pytest.mark.parametrize("state", ["queued", "stopped", "finished"])
def test_settings_of_a_later_release_stay_and_the_run_can_be_deleted(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    run = finished(store, steps=10)
    run.write_status(Status(state=state, step=5, steps=10))
    path = run.path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    before = {p: p.read_bytes() for p in (path, run.path / "status.json")}
    run = RunStore(store.root).open(run.id)
    with pytest.raises(RunError, match="schema"):
        run.config  # noqa: B018 - reading it is the check
    if state == "stopped":
        with pytest.raises(RunError, match="schema"):
            jobs.control(store, run, "step")
        assert list((run.path / "control").iterdir()) == []
    assert {p: p.read_bytes() for p in before} == before
    deleted = jobs.delete(store, run)
    assert deleted
    assert (deleted.path / "config.json").read_bytes() == before[path]


def test_an_event_of_a_later_release_is_left_out(store: RunStore) -> None:
    run = finished(store, steps=10)
    known = run.events
    with open(run.path / "events.jsonl", "a") as file:
        file.write('{"schema": 2, "kind": "alarm", "step": 5, "text": "x"}\n')
    assert run.events == known


@pytest.mark.parametrize("causal", [True, False])
def test_a_snapshot_with_a_flipped_bit_is_left_out_and_told(tmp_path: Path, causal: bool) -> None:
    kept = Snapshots(tmp_path)
    pattern = np.tril(np.ones((2, 2, 8, 8), np.float16)) / np.float16(8)
    for step in (0, 5, 9):
        kept.write(step, pattern, causal)
    whole = kept.path(5).read_bytes()
    for at in (len(whole) // 2, len(whole) - 50, len(whole) - 1):
        content = bytearray(whole)
        content[at] ^= 1
        kept.path(5).write_bytes(content)
        assert kept.steps == [0, 9]
        assert "checksum" in kept.damaged[5]
        with pytest.raises(KeyError, match=r"attention-000000005.npy.*checksum.*nearest is (0|9)"):
            kept.open(5)
    kept.path(5).write_bytes(whole)
    assert (kept.steps, kept.damaged) == ([0, 5, 9], {})
    np.testing.assert_array_equal(kept.pattern(5), pattern)
    np.testing.assert_array_equal(np.load(kept.path(5)).astype(np.float16).shape[:2], (2, 2))
    kept.path(5).write_bytes(b"")
    kept.forget_from(5)
    assert list(tmp_path.iterdir()) == [kept.path(0)], "damaged ones are taken anew too"


def test_a_snapshot_of_an_earlier_release_has_no_checksum_and_opens(store: RunStore) -> None:
    run = finished(store, steps=20)
    step = run.snapshots.steps[0]
    pattern = run.snapshots.pattern(step)
    np.save(run.snapshots.path(step), pattern, allow_pickle=False)
    np.testing.assert_array_equal(run.snapshots.pattern(step), pattern)
    assert step in run.snapshots.steps
    run.snapshots.path(step).write_bytes(b"half")
    assert list(details(run)["damaged_snapshots"]) == [step]
