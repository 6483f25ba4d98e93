"""The trash: deleting is undone, nothing is removed before its time, and remnants go."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from core import jobs
from core.__main__ import main
from core.catalogue.summary import summary_of
from core.files import folder_size
from core.jobs.queue import run_queue
from core.runs import RunError, RunStore, Status
from core.runs.locks import Lock
from core.runs.trash import DAY, DAYS, SHORT, Cleared
from tests.conftest import small
from tests.fake_runs import finished

PLENTY = 100 * SHORT


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def test_a_deleted_run_comes_back_as_it_was(store: RunStore) -> None:
    kept, run = finished(store, "kept", steps=20), finished(store, "gone", steps=20)
    run.update_meta(tags=["dear"], note="look at step 7")
    summary_of(run)
    before = content(run.path)
    deleted = store.delete(run.id)
    assert deleted
    assert [r.id for r in store.list()] == [kept.id]
    assert store.unreadable() == {}
    with pytest.raises(RunError, match="no run"):
        store.open(run.id)
    assert not run.path.exists()
    assert deleted.path.parent == store.root / ".trash", "inside the runs folder: one rename"
    assert (deleted.id, deleted.name) == (run.id, "gone")
    assert deleted.size() == sum(map(len, before.values())) + (deleted.path / "lock").stat().st_size
    assert store.restore(run.id).path == run.path
    assert content(run.path) == before
    assert [r.id for r in store.list()] == [kept.id, run.id]
    assert store.trash.list() == []
    with pytest.raises(RunError, match="runs trash"):
        store.restore(run.id)


def test_restoring_over_a_run_is_refused(store: RunStore) -> None:
    run = finished(store, "twice", steps=10)
    deleted = store.delete(run.id)
    run.path.mkdir()
    (run.path / "config.json").write_text(small().model_dump_json())
    with pytest.raises(RunError, match="delete that one first"):
        store.restore(run.id)
    assert deleted in store.trash.list(), "and nothing is lost"
    second = store.delete(run.id)
    assert second
    assert deleted
    assert second.key != deleted.key
    assert store.restore(run.id).config == small(), "of two with one id the last comes first"
    with pytest.raises(RunError, match="can't be restored"):
        store.restore(deleted.key)
    os.rename(run.path, store.root / "elsewhere")
    run.path.mkdir()  # a rename would replace an empty directory
    with pytest.raises(RunError, match="can't be restored"):
        store.restore(deleted.key)


def test_a_run_that_waited_comes_back_stopped_and_can_be_resumed(store: RunStore) -> None:
    run = store.create(small())
    run_queue(store).put(run.id)
    jobs.delete(store, run)
    assert jobs.waiting(store) == [], "its place in the queue goes with it"
    assert store.restore(run.id).status == "stopped"
    other = store.create(small())
    store.delete(other.id)  # past the queue
    assert store.restore(other.id).status == "stopped"


def test_a_live_run_is_refused_or_stopped_first(store: RunStore) -> None:
    run = store.create(small())
    run.write_status(Status(state="running", step=5, steps=30))
    lock = run.lock()
    assert lock.acquire()
    for now in (False, True):
        with pytest.raises(RunError, match="stop it first"):
            jobs.delete(store, run, now=now)
    with pytest.raises(RunError, match="has not stopped yet"):
        jobs.delete(store, run, stop=True, patience=0)
    assert run.status == "running"
    assert [p.name.partition("-")[2] for p in (run.path / "control").iterdir()] == ["stop"]

    def end() -> None:  # as a worker does that obeys
        run.write_status(Status(state="stopped", step=5, steps=30))
        lock.release()

    threading.Timer(0.1, end).start()
    assert jobs.delete(store, run, stop=True)
    assert store.list() == []


def test_nobody_takes_a_run_that_goes_to_the_trash(store: RunStore) -> None:
    run = store.create(small())
    late = Lock(run.path / "lock")
    store.delete(run.id)
    assert not late.acquire(), "a worker that came too late has no run"
    run = store.create(small())
    real, lock = os.open, Lock(run.path / "lock")

    def slow(path, *rest):  # it opens the file, and the run is deleted before it locks it
        fd = real(path, *rest)
        os.open = real
        store.delete(run.id)
        return fd

    os.open = slow
    try:
        assert not lock.acquire()
    finally:
        os.open = real
    assert not lock.held


def test_deleted_runs_go_after_their_days(store: RunStore) -> None:
    old, new = (finished(store, name, steps=10) for name in ("old", "new"))
    at = store.delete(old.id).at
    store.delete(new.id)
    sizes = {deleted.id: deleted.size() for deleted in store.trash.list()}
    assert not store.trash.sweep(at + DAYS * DAY - 1, PLENTY)
    # Both were deleted within a moment; the second is made a day younger.
    second = store.trash.find(new.id)
    os.rename(second.path, second.path.with_name(f"{int((at + DAY) * 1e9):020d}_{new.id}"))
    assert store.trash.find(new.id).days_left(at + DAYS * DAY) == 1
    cleared = store.trash.sweep(at + DAYS * DAY + 1, PLENTY)
    assert cleared == Cleared(expired=1, bytes=sizes[old.id])
    assert [deleted.id for deleted in store.trash.list()] == [new.id]
    assert "30 days" in " ".join(cleared.sentences())


def test_the_oldest_give_way_while_space_is_short(store: RunStore) -> None:
    runs = [finished(store, f"run {i}", steps=10) for i in range(3)]
    entries = [store.delete(run.id) for run in runs]
    size = entries[0].size()
    later = entries[-1].at + DAY
    assert not store.trash.sweep(entries[-1].at, free=0), "Undo works for a while all the same"
    cleared = store.trash.sweep(later, free=SHORT - size)
    assert cleared == Cleared(short=1, bytes=size), "as many as it takes, the oldest first"
    assert [deleted.id for deleted in store.trash.list()] == [runs[2].id, runs[1].id]
    assert store.trash.sweep(later, free=0).short == 2
    assert not store.trash.sweep(later, free=0)


def test_a_new_run_takes_the_room_of_deleted_ones(store: RunStore, monkeypatch) -> None:
    run = finished(store, "old", steps=10)
    path = store.delete(run.id).path
    path.rename(path.with_name(f"{0:020d}_{run.id}"))
    store.create(small())
    assert store.trash.list() == []


def test_remnants_of_interrupted_deletions_are_cleared_and_counted(store: RunStore) -> None:
    run = finished(store, "kept", steps=10)
    assert not store.trash.sweep(free=PLENTY)
    bytes_ = 0
    for i in range(3):
        left = store.root / f".deleted-run-{i}"
        (left / "metrics").mkdir(parents=True)
        (left / "metrics" / "step-0000.arrow").write_bytes(b"x" * 1000)
        bytes_ += folder_size(left)
    target = store.root.parent / "elsewhere"
    target.mkdir()
    (target / "mine.txt").touch()
    (store.root / ".deleted-link").symlink_to(target)
    cleared = store.trash.sweep(free=PLENTY)
    assert (cleared.remnants, cleared.bytes) == (4, bytes_)
    assert "4 interrupted deletions" in cleared.sentences()[0]
    assert (target / "mine.txt").exists(), "what a link points to stays"
    assert not [p for p in store.root.iterdir() if p.name.startswith(".deleted")]
    assert not store.trash.sweep(free=PLENTY)
    assert [r.id for r in store.list()] == [run.id]


def test_a_deletion_for_good_that_is_interrupted_leaves_no_run(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(store, "gone", steps=10)
    monkeypatch.setattr("core.runs.trash.shutil.rmtree", lambda *_, **__: None)
    store.delete(run.id, now=True)
    monkeypatch.undo()
    assert RunStore(store.root).list() == []
    assert store.trash.list() == []
    assert store.trash.sweep(free=PLENTY).remnants == 1


def test_a_trash_that_can_not_be_written_leaves_the_run(store: RunStore) -> None:
    run = finished(store, "stays", steps=10)
    (store.root / ".trash").touch()
    with pytest.raises(RunError, match="can't be deleted"):
        store.delete(run.id)
    assert [r.id for r in store.list()] == [run.id]
    assert run.lock().acquire(), "and its lock is free again"


def test_what_is_not_ours_in_the_trash_stays(store: RunStore) -> None:
    (store.root / ".trash" / "notes").mkdir(parents=True)
    assert store.trash.list() == []
    store.trash.sweep(free=0)
    assert (store.root / ".trash" / "notes").exists()


# The command line


def test_delete_restore_and_empty_on_the_command_line(store: RunStore, capsys) -> None:
    first, second, third = (finished(store, f"run {i}", steps=10) for i in range(3))
    assert main(["runs", "delete", first.id]) == 0
    assert "runs restore" in capsys.readouterr().out
    assert main(["runs", "delete", second.id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": second.id, "done": "deleted"}
    assert main(["runs", "trash"]) == 0
    said = capsys.readouterr().out
    assert first.id in said
    assert second.id in said
    assert "2 runs, " in said
    assert main(["runs", "trash", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in rows] == [second.id, first.id]
    assert rows[1]["bytes"] > 0
    assert rows[1]["days_left"] in (29, 30)
    assert main(["runs", "restore", first.id.split("-")[-1]]) == 0
    assert {r.id for r in store.list()} == {first.id, third.id}
    assert main(["runs", "restore", first.id]) == 2
    assert "trash" in capsys.readouterr().err
    assert main(["runs", "delete", third.id, "--now"]) == 0
    assert [deleted.id for deleted in store.trash.list()] == [second.id]
    assert main(["runs", "trash", "--empty"]) == 0
    assert "1 run removed for good" in capsys.readouterr().out
    assert store.trash.list() == []
    assert [r.id for r in store.list()] == [first.id]


def test_the_command_line_clears_remnants_and_says_so(store: RunStore, capsys) -> None:
    (store.root / ".deleted-x").mkdir(parents=True)
    assert main(["runs", "trash"]) == 0
    heard = capsys.readouterr()
    assert heard.out.strip() == "the trash is empty"
    assert "interrupted deletion" in heard.err


def test_a_damaged_run_can_be_deleted(store: RunStore) -> None:
    run = finished(store, "broken", steps=10)
    (run.path / "config.json").write_text("{")
    assert main(["runs", "delete", run.id]) == 0
    assert RunStore(store.root).unreadable() == {}
    assert [deleted.name for deleted in store.trash.list()] == ["broken"]


def aged(folder: Path, seconds: float) -> None:
    """As if nothing in it had changed for so long."""
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (time.time() - seconds,) * 2)


def test_what_was_being_made_or_imported_is_cleared_once_its_maker_is_gone(
    store: RunStore,
) -> None:
    kept = finished(store, steps=10)
    old, fresh = store.root / ".new-0123456789ab", store.root / ".new-1123456789ab"
    imported, at_work = store.root / ".import-0123456789ab", store.root / ".import-1123456789ab"
    gone = store.root / ".import-2123456789ab"
    for folder in (old, fresh, imported, at_work, gone):
        (folder / "run").mkdir(parents=True)
        (folder / "run" / "config.json").write_text("{}")
    run_queue(store).folder.mkdir(exist_ok=True)
    marker = run_queue(store).folder / ".new-2123456789ab"
    marker.write_text("{}")
    lock = Lock(at_work / "lock")
    assert lock.acquire()
    (gone / "lock").touch()  # its maker was killed, which frees the lock
    for path in (old, imported, at_work, marker):
        aged(path, 2 * 3600)
    aged(gone, 120)
    cleared = store.trash.sweep()
    assert cleared.remnants == 4
    assert "4 interrupted deletions or imports" in cleared.sentences()[0]
    left = {path.name for path in store.root.iterdir()}
    assert left == {kept.id, fresh.name, at_work.name, ".queue"}
    assert not marker.exists()
    lock.release()
    assert store.trash.sweep().remnants == 1
    assert store.trash.sweep().remnants == 0, "what somebody is at just now stays"
    assert fresh.is_dir()


def test_a_run_that_is_being_made_is_not_swept(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, seen = Status.write, []

    def slow(status: Status, path: Path) -> None:
        aged(path.parent, 2 * 3600)
        seen.append(store.trash.sweep().remnants)
        whole(status, path)

    monkeypatch.setattr(Status, "write", slow)
    run = store.create(small())
    assert seen == [0]
    assert run.status == "queued"
    assert not run.alive, "whoever made it lets go of it"
