"""One worker a run, whatever happens to the lock's file, the clock, or on which disk it lies."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.__main__ import main
from core.jobs.training_worker import adopt_orphans
from core.marker_queue import MarkerQueue
from core.runs import RunError, RunStore, Status
from core.runs.locks import Lock, is_at_work, is_locked
from tests.conftest import small


def replaced(path: Path) -> None:
    path.unlink()
    path.write_text("1")


def copied(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").rename(path)


HARMS: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "replaced": replaced,
    "copied": copied,
    "renamed": lambda path: path.rename(path.with_name("other")),
    "emptied": lambda path: path.write_text(""),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_harmed_lock_file_lets_no_second_worker_in(store: RunStore, harm: str) -> None:
    run = store.create(small())
    mine = run.lock()
    assert mine.acquire()
    HARMS[harm](run.path / "lock")
    assert run.alive
    other = run.lock()
    assert not other.acquire()
    with pytest.raises(RunError, match="still training"):
        store.delete(run.id)
    assert mine.lost == (harm != "emptied")
    mine.release()
    assert not run.alive
    assert other.acquire()
    assert not other.lost
    other.release()


def test_a_worker_of_an_earlier_release_holds_the_file_alone(store: RunStore) -> None:
    run = store.create(small())
    earlier = Lock(run.path / "lock")
    assert earlier.acquire()
    assert run.alive
    assert not run.lock().acquire()
    earlier.release()


@pytest.mark.parametrize("what", ["folder", "link", "pipe"])
def test_what_stands_in_place_of_the_lock_is_set_aside(store: RunStore, what: str) -> None:
    run = store.create(small())
    path = run.path / "lock"
    path.unlink(missing_ok=True)
    precious = store.root / "precious"
    precious.write_text("years of work")
    if what == "folder":
        path.mkdir()
    elif what == "link":
        path.symlink_to(precious)
    else:
        os.mkfifo(path)
    lock = run.lock()
    assert lock.acquire()
    assert run.alive
    assert path.read_text() == str(os.getpid())
    assert precious.read_text() == "years of work"
    lock.release()


def test_whoever_only_looks_takes_the_lock_from_nobody(store: RunStore) -> None:
    run = store.create(small())
    fd = os.open(run.path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    lock = run.lock()
    assert not lock.acquire()
    os.close(fd)
    assert lock.acquire()
    lock.release()


def test_a_disk_without_locks_is_told_in_a_sentence(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = store.create(small())

    def refused(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    assert not run.alive, "nobody can hold it"
    with pytest.raises(RunError, match=r"can't lock files; put the runs on a local disk.*ADDNORM"):
        store.create(small())
    with pytest.raises(RunError, match="can't lock files"):
        store.delete(run.id)
    assert main(["runs", "delete", run.id]) == 2
    assert "put the runs on a local disk" in capsys.readouterr().err


def test_a_network_disk_that_locks_no_folders_still_locks_the_file(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, real = store.create(small()), fcntl.flock

    def files_only(fd: int, how: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise OSError(errno.EBADF, "Bad file descriptor")
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", files_only)
    lock = run.lock()
    assert lock.acquire()
    assert run.alive
    assert not run.lock().acquire()
    lock.release()
    assert not is_at_work(run.path)
    assert not is_locked(run.path / "lock")


def test_what_comes_later_waits_behind_though_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, now = MarkerQueue(tmp_path / "queue"), [2_000_000_000]
    monkeypatch.setattr("core.marker_queue.time.time_ns", lambda: now[0])
    queue.put("first")
    queue.put("held")
    queue.hold("held")
    now[0] = 1_000_000_000
    for id in ("second", "third"):
        queue.put(id)
    queue.release("held")
    assert queue.waiting() == ["first", "held", "second", "third"]


@pytest.mark.parametrize("ahead", [100.0, -100.0])
def test_a_lost_marker_is_put_back_though_the_clock_was_set(store: RunStore, ahead: float) -> None:
    run = store.create(small())
    status = Status.read(run.path / "status.json")
    changed = status.changed + ahead
    status.model_copy(update={"changed": changed}).write(run.path / "status.json")
    adopt_orphans(store)
    assert MarkerQueue(store.root / ".queue").waiting() == [run.id]
