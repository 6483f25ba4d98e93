"""The detached processes of a folder: who starts one, and what wakes it."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.jobs import changes, slots, training_worker
from core.jobs.changes import Changes
from core.jobs.execute_run import FileControl
from core.jobs.inspections import ask
from core.jobs.processes import INSPECTOR, STANDBY, Service, ensure
from core.jobs.slots import Slot, registry
from core.jobs.training_worker import TrainingWorker
from core.jobs.worker import Worker
from core.marker_queue import MarkerQueue
from core.runs import RunStore
from core.runs.locks import Lock, is_locked
from tests.conftest import small
from tests.farm import pid_of, wait_until
from tests.subjects import trained

FOR_EVER = 600.0
TELLS = pytest.mark.skipif(sys.platform != "linux", reason="changes are told by Linux")


def later(act: Callable[[], object]) -> None:
    """Do it in a moment, when the others wait."""
    threading.Timer(0.2, act).start()


# Sleeping until something changes. A test that fails here waits for ten minutes.


@TELLS
@pytest.mark.parametrize(
    "act",
    [
        lambda folder: MarkerQueue(folder).put("a"),
        lambda folder: MarkerQueue(folder).take("known"),
        lambda folder: MarkerQueue(folder).release("held"),
        lambda folder: os.rename(folder, folder.with_name("moved")),
    ],
)
def test_a_change_wakes_who_waits(tmp_path: Path, act: Callable[[Path], object]) -> None:
    queue = MarkerQueue(tmp_path / "queue")
    queue.put("known")
    queue.put("held")
    queue.hold("held")
    waiting = Changes(queue.folder)
    later(lambda: act(queue.folder))
    assert waiting.wait(FOR_EVER)


@TELLS
def test_what_changed_before_the_wait_is_not_lost(tmp_path: Path) -> None:
    waiting = Changes(tmp_path)
    MarkerQueue(tmp_path).put("a")
    assert waiting.wait(FOR_EVER)
    assert not waiting.wait(0.01), "it is told once"


@TELLS
def test_hidden_files_wake_nobody(tmp_path: Path) -> None:
    waiting = Changes(tmp_path)
    (tmp_path / ".gate").write_text("1")
    assert not waiting.wait(0.05)


@TELLS
def test_a_folder_that_is_made_anew_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "queue"
    waiting = Changes(folder)
    assert not waiting.wait(0.01)
    folder.mkdir()
    waiting.wait(0.01)
    later(lambda: MarkerQueue(folder).put("a"))
    assert waiting.wait(FOR_EVER)


@TELLS
def test_the_lock_of_a_job_that_is_killed_wakes_who_waits(tmp_path: Path) -> None:
    code = (
        "import time; from core.jobs.slots import Slot\n"
        "slot = Slot('cpu'); print(slot.enter(), flush=True); time.sleep(600)"
    )
    job = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert job.stdout is not None
    assert job.stdout.readline().strip() == "True"
    waiting = Changes(registry())
    later(job.kill)
    assert waiting.wait(FOR_EVER)
    job.wait()
    assert slots.active() == []


def test_where_nothing_is_told_one_looks_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(changes, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(changes.sys, "platform", "elsewhere")
    waiting = Changes(tmp_path)
    assert not waiting.wait(FOR_EVER)
    monkeypatch.setattr(changes.sys, "platform", "linux")
    waiting = Changes(tmp_path)
    caplog.set_level(logging.WARNING)
    waiting.missed()
    waiting.missed()
    assert not waiting.wait(0.01)
    assert not waiting.wait(FOR_EVER)
    [record] = caplog.records
    assert "are not told here" in record.getMessage()


# A paused run


@TELLS
def test_a_paused_run_wakes_by_a_command_and_by_a_free_slot(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.execute_run.WAIT_SECONDS", FOR_EVER)
    run = store.create(small())
    others = [Slot("cpu") for _ in range(slots.slots("cpu") - 1)]
    mine = Slot("cpu")
    for slot in (*others, mine):
        assert slot.enter()
    control = FileControl(run, mine)
    control.leave()
    another = Slot("cpu")
    assert another.enter()
    control.wait()  # it is told that somebody entered
    assert not control.enter()
    later(lambda: run.send("resume"))
    while not control.commands():
        control.wait()
    later(another.leave)
    while not control.enter():
        control.wait()
    for slot in (*others, mine):
        slot.leave()


# The shared worker


class Waiter(Worker):
    service = Service("tests", ".waiter")


@pytest.fixture
def waiter(store: RunStore) -> Waiter:
    store.root.mkdir(parents=True, exist_ok=True)
    return Waiter(store, MarkerQueue(store.root / ".waiting"))


@TELLS
def test_a_worker_sleeps_until_there_is_work(
    waiter: Waiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.worker.LOOK_SECONDS", FOR_EVER)
    looks = []

    def look() -> str | None:
        looks.append(time.monotonic())
        return next(iter(waiter.queue.waiting()), None)

    later(lambda: waiter.queue.put("a"))
    assert waiter.next(look) == "a"
    assert len(looks) <= 3, "it does not look again and again"


def test_work_that_nobody_told_of_is_found_and_looked_for_from_then_on(
    waiter: Waiter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("core.jobs.worker.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("core.jobs.changes.POLL_SECONDS", 0.01)
    found = iter([None, None, "a", None, "b"])
    assert waiter.next(lambda: next(found)) == "a"
    monkeypatch.setattr("core.jobs.worker.LOOK_SECONDS", FOR_EVER)
    assert waiter.next(lambda: next(found)) == "b"
    assert len(caplog.records) == 1


def test_a_worker_ends_when_it_is_idle_or_its_folder_is_gone(
    waiter: Waiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.worker.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("core.jobs.worker.IDLE_SECONDS", 0.05)
    left = iter([True] * 20 + [False] * 1000)
    looks: list[bool] = []
    assert waiter.next(lambda: looks.append(True), lambda: next(left)) is None
    assert len(looks) > 20, "busy, it is no idle one"
    monkeypatch.setattr("core.jobs.worker.IDLE_SECONDS", FOR_EVER)
    root = waiter.store.root
    later(lambda: root.rename(root.with_name("moved")))
    assert waiter.next(lambda: None) is None


# Starting one


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service that holds its lock and does nothing, as one that still imports torch."""
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        code = "import time; time.sleep(600)"
        started.append(real([sys.executable, "-c", code], **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr("core.jobs.processes.subprocess.Popen", start)
    service = replace(STANDBY, name=".sleeper")
    yield service
    for process in started:
        process.kill()
        process.wait()


def test_a_process_that_still_starts_counts_as_there(store: RunStore, sleeper: Service) -> None:
    store.root.mkdir(parents=True, exist_ok=True)
    ensure(sleeper, store.root)
    lock = sleeper.lock(store.root)
    assert is_locked(lock)
    first = pid_of(lock)
    assert first != os.getpid()
    ensure(sleeper, store.root)
    assert pid_of(lock) == first
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not is_locked(lock))
    ensure(sleeper, store.root)
    assert pid_of(lock) != first


def test_a_process_that_can_not_be_started_leaves_the_lock_free(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.root.mkdir(parents=True, exist_ok=True)

    def full(*arguments: object, **options: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("core.jobs.processes.subprocess.Popen", full)
    with pytest.raises(OSError, match="unavailable"):
        ensure(STANDBY, store.root)
    assert not is_locked(STANDBY.lock(store.root))


def test_a_lock_that_is_handed_over_is_held_until_both_have_let_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second = Lock(path), Lock(path)
    assert first.acquire()
    second.adopt(os.dup(first.descriptor))
    first.release()
    assert is_locked(path)
    assert pid_of(path) == os.getpid()
    second.release()
    assert not is_locked(path)


def test_a_lock_can_be_waited_for(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    later(first.release)
    assert second.acquire(wait=True)
    second.release()


def test_a_program_that_is_loaded_anew_stays_the_one_of_its_folder(store: RunStore) -> None:
    store.root.mkdir(parents=True, exist_ok=True)
    program = (
        "import sys\n"
        "from core.jobs.processes import INSPECTOR\n"
        "from core.jobs.worker import Worker\n"
        "from core.marker_queue import MarkerQueue\n"
        "from core.runs import RunStore\n"
        "class Old(Worker):\n"
        "    service = INSPECTOR\n"
        "store = RunStore(sys.argv[1])\n"
        "old = Old(store, MarkerQueue(store.root / '.inspections'))\n"
        "assert old.begin()\n"
        "print('begun', flush=True)\n"
        "sys.stdin.readline()\n"
        "old.restart()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    job = subprocess.Popen([sys.executable, "-c", program, str(store.root)], **pipes)
    try:
        assert job.stdout is not None
        assert job.stdin is not None
        assert job.stdout.readline() == "begun\n"
        question = ask(store, trained(store), "attention")  # of the one that is there
        job.stdin.write("\n")
        job.stdin.flush()
        wait_until(lambda: question.state == "done")
        assert pid_of(INSPECTOR.lock(store.root)) == job.pid
    finally:
        job.kill()
        job.wait()
    assert not is_locked(INSPECTOR.lock(store.root))


# Who starts the standby's successor, and when.


@TELLS
def test_a_run_has_a_head_start_before_the_successor_unless_another_waits(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_worker, "HEAD_START_SECONDS", FOR_EVER)
    held: list[bool] = []
    lock = STANDBY.lock(store.root)
    store.root.mkdir(exist_ok=True)
    monkeypatch.setattr(sys, "argv", ["worker", str(store.root)])
    monkeypatch.setattr(training_worker, "ensure", lambda *_: held.append(is_locked(lock)))
    worker = TrainingWorker(store)
    assert worker.begin()
    worker.changes  # noqa: B018 - makes the queue's folder
    way = threading.Thread(target=worker.make_way)
    way.start()
    way.join(0.1)
    assert way.is_alive()
    assert is_locked(lock), "nobody else starts one meanwhile"
    worker.queue.put("another")
    way.join(60)
    assert held == [False]


def test_after_its_head_start_the_successor_comes_whoever_waits(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_worker, "HEAD_START_SECONDS", 0.0)
    started: list[object] = []
    store.root.mkdir(exist_ok=True)
    monkeypatch.setattr(sys, "argv", ["worker", str(store.root)])
    monkeypatch.setattr(training_worker, "ensure", lambda *asked: started.append(asked))
    worker = TrainingWorker(store)
    assert worker.begin()
    worker.make_way()
    assert started == [(STANDBY, store.root)]


def test_a_warm_worker_has_read_what_the_first_row_needs(store: RunStore) -> None:
    program = (
        "import sys, numpy as np; from pathlib import Path; from core.jobs.execute_run import warm;"
        "from core.metrics.writer import SeriesWriter; warm(); before = set(sys.modules);"
        "SeriesWriter(Path(sys.argv[1]), 'step', 0).write("
        "{'step': np.zeros(1, dtype=np.int64), 'loss/train': np.zeros(1)});"
        "print(len(set(sys.modules) - before))"
    )
    folder = store.root / "metrics"
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", program, str(folder)]
    assert subprocess.check_output(command, text=True).split() == ["0"]
