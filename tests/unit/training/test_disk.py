"""A disk that is full, slow, read-only or broken, while a run trains."""

import errno
import json
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from core.__main__ import main
from core.files import Reserve, append_whole, is_full
from core.jobs import execute_run
from core.jobs.execute_run import work
from core.metrics.writer import SeriesWriter
from core.runs import Run, RunStore, Status
from core.runs.status import Order
from core.training import disk as disks
from core.training.control import NullControl
from core.training.disk import Disk
from core.training.trainer import Trainer
from tests.conftest import SMALL, small
from tests.mounts import Small, small_disk

__all__ = ["small_disk"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(execute_run, "ROOM_SECONDS", 0.01)


class Keeper(NullControl):
    """Calls `begin` before the n-th step, and `waited` at each look of a run that waits."""

    stopping = False

    def __init__(self, at: int, begin: Callable[[], None], waited: Callable[[int], None]) -> None:
        super().__init__(1)
        self._at, self._begin, self._waited = at, begin, waited
        self._asked, self.looks = -1, 0

    def commands(self) -> list[Order]:
        self._asked += 1
        if self._asked == self._at:
            self._begin()
        return [Order("stop")] if self.stopping else []

    def wait(self) -> None:
        self.looks += 1
        self._waited(self.looks)
        time.sleep(0.01)


def whole(store: RunStore) -> Run:
    run = store.create(small())
    Trainer(run, NullControl()).train()
    return run


def same(run: Run, other: Run) -> None:
    for name in set(other.metrics()) - {"tokens_per_second"}:
        for mine, theirs in zip(run.series(name), other.series(name), strict=True):
            np.testing.assert_array_equal(mine, theirs, err_msg=name)
    assert run.snapshots.steps == other.snapshots.steps
    assert run.checkpoints == other.checkpoints
    samples = [[e["text"] for e in r.events if e["kind"] == "sample"] for r in (run, other)]
    assert samples[0] == samples[1]


@pytest.mark.parametrize("at", [1, 9, 28])
def test_a_full_disk_pauses_the_run_and_costs_nothing(
    store: RunStore, small_disk: Small, at: int
) -> None:
    run = RunStore(small_disk.path).create(small())
    seen: list[Status] = []

    def waited(look: int) -> None:
        seen.append(Status.read(run.path / "status.json"))
        if look == 5:
            small_disk.free()

    control = Keeper(at, small_disk.fill, waited)
    assert work(run, control) == "finished"
    assert control.looks >= 5
    assert {one.state for one in seen} == {"paused"}
    assert all("disk is full: free 1" in one.message or "free 2" in one.message for one in seen)
    assert all("goes on by itself" in one.message for one in seen)
    assert (run.status, run.record.message) == ("finished", "")
    assert not (run.path / Reserve.NAME).exists(), "what has ended keeps nothing in reserve"
    same(run, whole(store))


def test_a_run_that_waits_for_room_can_be_stopped_and_loses_nothing(
    store: RunStore, small_disk: Small
) -> None:
    run = RunStore(small_disk.path).create(small())
    control = Keeper(15, small_disk.fill, lambda look: setattr(control, "stopping", look > 3))
    assert work(run, control) == "stopped"
    record = Status.read(run.path / "status.json")
    assert record.state == "stopped"
    assert "while the disk was full" in record.message
    small_disk.free()
    assert work(run, NullControl()) == "finished"
    same(run, whole(store))


def test_a_run_waits_for_room_to_begin(store: RunStore, small_disk: Small) -> None:
    run = RunStore(small_disk.path).create(small(training__steps=3))
    small_disk.fill()
    seen: list[Status] = []

    def waited(look: int) -> None:
        seen.append(Status.read(run.path / "status.json"))
        if look == 3:
            small_disk.free()

    assert work(run, Keeper(-1, small_disk.free, waited)) == "finished"
    assert {one.state for one in seen} == {"paused"}
    assert "disk is full: free 2 MB; it goes on by itself" in seen[0].message


def test_a_disk_that_can_only_be_read_ends_the_run_with_a_sentence(small_disk: Small) -> None:
    run = RunStore(small_disk.path).create(small())
    told: list[Status] = []
    small_disk.read_only()
    try:
        assert work(run, NullControl(), told.append) == "failed"
        assert "can only be read" in told[-1].message
        assert run.status == "queued", "as it was"
    finally:
        small_disk.read_only(False)
    assert work(run, NullControl()) == "finished"


@pytest.mark.parametrize(
    ("code", "words"), [(errno.EIO, "the disk fails at"), (errno.EROFS, "can only be read")]
)
def test_a_disk_that_fails_is_one_sentence_and_the_state_is_written(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    run = store.create(small())
    real = SeriesWriter.write

    def write(self: SeriesWriter, columns: dict[str, np.ndarray]) -> None:
        if columns["step"][-1] >= 12:
            raise OSError(code, "it is broken", str(self.path))
        real(self, columns)

    monkeypatch.setattr(SeriesWriter, "write", write)
    assert work(run, NullControl()) == "failed"
    assert words in run.record.message
    monkeypatch.setattr(SeriesWriter, "write", real)
    assert work(run, NullControl()) == "finished"
    same(run, whole(store))


def test_a_quota_that_is_used_up_is_a_full_disk(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, left = store.create(small()), [20]
    real = SeriesWriter.write

    def write(self: SeriesWriter, columns: dict[str, np.ndarray]) -> None:
        if columns["step"][-1] >= 12 and left[0]:
            left[0] -= 1
            raise OSError(errno.EDQUOT, "Disk quota exceeded", str(self.path))
        real(self, columns)

    monkeypatch.setattr(SeriesWriter, "write", write)
    assert work(run, NullControl()) == "finished"
    assert left == [0]
    same(run, whole(store))


def test_a_disk_that_stalls_costs_no_step_and_no_row(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All steps up to the next checkpoint are taken while the disk takes nothing."""
    goes_on, stalled = threading.Event(), threading.Event()
    real = SeriesWriter.write

    def write(self: SeriesWriter, columns: dict[str, np.ndarray]) -> None:
        if columns["step"][-1] >= 12 and not goes_on.is_set():
            stalled.set()
            goes_on.wait(60)
        real(self, columns)

    monkeypatch.setattr(SeriesWriter, "write", write)
    monkeypatch.setattr("core.training.metric_log.FLUSH_SECONDS", 0.0)
    steps: list[int] = []

    class Watched(NullControl):
        def commands(self) -> list[Order]:
            if stalled.is_set():
                steps.append(len(steps))
            if len(steps) == 6:
                goes_on.set()
            return []

    run = store.create(small(training__evaluate_every=0, training__checkpoint_every=0))
    Trainer(run, Watched()).train()
    assert goes_on.is_set()
    assert len(steps) >= 6
    assert run.series("loss/train")[0].tolist() == list(range(30))
    for _ in range(200):  # the thread ends when nothing is left to write
        if not [t for t in threading.enumerate() if t.name == "disk"]:
            break
        time.sleep(0.02)
    assert not [t for t in threading.enumerate() if t.name == "disk"]


def test_what_waits_is_bounded_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "MOST_BYTES", 100)
    disk, done, gate = Disk(), [], threading.Semaphore(0)

    def job(n: int) -> None:
        gate.acquire()
        done.append(n)

    for n in range(10):
        disk.later(lambda n=n: job(n), 10)
    assert done == []
    late = threading.Thread(target=lambda: disk.later(lambda: job(10), 10))
    late.start()
    late.join(0.05)
    assert late.is_alive(), "more than the bound waits for the disk"
    for _ in range(11):
        gate.release()
    late.join(60)
    disk.settle()
    assert done == list(range(11))
    assert disk.waiting == 0


def test_an_error_is_raised_where_somebody_looks_and_once() -> None:
    disk = Disk()

    def broken() -> None:
        raise OSError(errno.EIO, "broken")

    with pytest.raises(OSError, match="broken"):
        disk.now(broken)
    disk.now(lambda: None)


def test_a_reserve_is_given_back_for_a_write_and_made_anew(small_disk: Small) -> None:
    reserve = Reserve(small_disk.path)
    path = small_disk.path / "words"
    reserve.hold()
    small_disk.fill()
    with pytest.raises(OSError, match="space") as failed:
        path.write_bytes(bytes(5000))
    assert is_full(failed.value)
    reserve.write(lambda: path.write_bytes(b"words") and None)
    assert path.read_bytes() == b"words"
    assert 0 < reserve._path.stat().st_size < Reserve.SIZE, "there is not room for all of it"
    small_disk.free()
    reserve.hold()
    assert reserve._path.stat().st_blocks * 512 >= Reserve.SIZE
    reserve.release()
    reserve.release()


def test_an_event_after_a_torn_line_is_a_line_of_its_own(store: RunStore) -> None:
    run = store.create(small())
    run.add_event("note", 1, text="first")
    with open(run.path / "events.jsonl", "ab") as file:
        file.write(b'{"kind": "note", "st')
    run.add_event("note", 2, text="second")
    assert [event["step"] for event in run.events] == [1, 2]
    lines = (run.path / "events.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["text"] == "second"


def test_the_command_line_says_what_can_not_be_written_down(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "here")

    monkeypatch.setattr("core.cli.train.revive", lambda store: None)
    monkeypatch.setattr(SeriesWriter, "write", refused)
    real = Status.write
    monkeypatch.setattr(
        Status,
        "write",
        lambda self, path: (refused if self.state == "failed" else real)(self, path),
    )
    asked = [f"--{name}={value}" for name, value in SMALL.items()]
    assert main(["train", *asked, "--data.corpus=copy"]) == 1
    said = capsys.readouterr().err
    assert "can only be read: mount its disk for writing" in said
    assert "Traceback" not in said


def test_what_is_in_reserve_is_enough_for_many_words(small_disk: Small) -> None:
    """Each takes a page of it, and others take what it gives back."""
    reserve = Reserve(small_disk.path)
    reserve.hold()
    small_disk.fill()
    log = small_disk.path / "log"

    def say() -> None:
        with open(log, "ab", buffering=0) as file:
            append_whole(file.fileno(), bytes(4096))

    said = 0
    for _ in range(3):
        reserve.write(say)
        said += 1
        small_disk.fill()
        assert 0 < reserve._path.stat().st_size < Reserve.SIZE, "a part of it is kept"
    assert log.stat().st_size == said * 4096
