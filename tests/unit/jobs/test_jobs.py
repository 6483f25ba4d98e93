"""Jobs as processes: queue, places, threads, control, and what survives a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.config import RunConfig
from core.jobs import control, enqueue, environment, machine, waiting
from core.jobs import slots as places
from core.jobs.launcher import revive, standby_lock
from core.jobs.queue import run_queue
from core.machine import cores, slots
from core.runs import Run, RunError, RunStore, Status
from core.runs.locks import is_locked
from tests.conftest import small as smallest
from tests.farm import farm, pid_of, wait_until

__all__ = ["farm"]  # a fixture


def small(**changes: object) -> RunConfig:
    """Small settings whose long runs are not spent on validation."""
    return smallest(**{"training__evaluate_every": 0, **changes})


def losses(run: Run) -> np.ndarray:
    return run.series("loss/train")[1]


def reaches(run: Run, step: int) -> Callable[[], bool]:
    return lambda: len(run.rows("step", []).steps) > step


def test_a_queued_run_is_trained_without_any_dashboard(farm: RunStore) -> None:
    run = enqueue(farm, small())
    wait_until(lambda: run.status == "finished")
    assert len(losses(run)) == 30
    assert waiting(farm) == []
    wait_until(lambda: machine().active == 0)  # its digest is written before it leaves
    wait_until(lambda: is_locked(standby_lock(farm)))  # the successor is there
    second = enqueue(farm, small())
    wait_until(lambda: second.status == "finished")
    np.testing.assert_array_equal(losses(run), losses(second))


def test_a_killed_worker_is_noticed_and_its_run_resumes_bit_for_bit(farm: RunStore) -> None:
    config = small(training__steps=1000, training__checkpoint_every=100, model__dropout=0.1)
    whole, run = enqueue(farm, config), enqueue(farm, config)
    wait_until(reaches(run, 150))
    os.kill(pid_of(run.path / "lock"), signal.SIGKILL)
    wait_until(lambda: run.status == "interrupted")
    flushed, kept = run.series("loss/train")
    assert len(kept) > 150
    control(farm, run, "resume")
    wait_until(lambda: run.status == "finished")
    wait_until(lambda: whole.status == "finished")
    np.testing.assert_array_equal(losses(run), losses(whole))
    np.testing.assert_array_equal(losses(run)[flushed], kept)
    assert run.series("loss/train")[0].tolist() == list(range(1000))


def test_killed_before_the_first_checkpoint_it_starts_anew(farm: RunStore) -> None:
    config = small(training__steps=1000, training__checkpoint_every=0)
    run = enqueue(farm, config)
    wait_until(reaches(run, 50))
    os.kill(pid_of(run.path / "lock"), signal.SIGKILL)
    wait_until(lambda: run.status == "interrupted")
    assert run.checkpoints == []
    control(farm, run, "resume")
    wait_until(lambda: run.status == "finished")
    assert run.series("loss/train")[0].tolist() == list(range(1000))


def test_a_terminated_worker_stops_with_a_checkpoint(farm: RunStore) -> None:
    run = enqueue(farm, small(training__steps=100_000))
    wait_until(reaches(run, 20))
    os.kill(pid_of(run.path / "lock"), signal.SIGTERM)
    wait_until(lambda: run.status == "stopped")
    assert run.checkpoints[-1] == run.record.step


def test_pause_gives_the_place_to_the_next_and_step_does_one(
    farm: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One place: the processes that are started see one core.
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        first = enqueue(farm, small(training__steps=100_000))
        wait_until(reaches(first, 10))
        second = enqueue(farm, small(training__steps=100_000))
        time.sleep(0.5)
        assert second.status == "queued"
        assert waiting(farm) == [second.id]
        control(farm, first, "pause")
        wait_until(lambda: first.status == "paused")
        wait_until(reaches(second, 10))
        at = first.record.step
        control(farm, first, "step")
        time.sleep(0.3)  # no place is free: it waits
        assert first.record.step == at
        control(farm, second, "stop")
        wait_until(lambda: first.record.step == at + 1 and first.status == "paused")
        assert second.status == "stopped"
        control(farm, first, "resume")
        wait_until(reaches(first, at + 20))
        control(farm, first, "stop")
        wait_until(lambda: first.status == "stopped")
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores to divide")
def test_threads_are_divided_among_the_active_runs(farm: RunStore) -> None:
    cores = len(os.sched_getaffinity(0))
    config = small(training__steps=100_000, training__threads="auto")
    first = enqueue(farm, config)
    wait_until(reaches(first, 10))

    def threads(run: Run) -> list[int]:
        return [e["threads"] for e in run.events if e["kind"] == "threads"]

    assert threads(first) == [cores]
    second = enqueue(farm, config)
    wait_until(reaches(second, 10))
    wait_until(lambda: sum(r_threads[-1] for r_threads in map(threads, (first, second))) == cores)
    assert machine().active == 2
    control(farm, second, "stop")
    wait_until(lambda: threads(first)[-1] == cores)
    control(farm, first, "stop")
    wait_until(lambda: first.status == "stopped")


def test_a_queued_run_can_be_taken_out(farm: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    run = enqueue(farm, small())
    assert waiting(farm) == [run.id]
    with pytest.raises(RunError, match="waits for a place"):
        control(farm, run, "pause")
    control(farm, run, "stop")
    assert run.status == "stopped"
    assert waiting(farm) == []
    control(farm, run, "resume")
    assert run.status == "queued"


def test_stopped_while_it_waits_again_a_run_keeps_its_steps(
    farm: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    run = enqueue(farm, small(training__steps=40))
    run.write_status(Status(state="stopped", step=30, steps=40))
    control(farm, run, "resume")
    control(farm, run, "stop")
    assert (run.status, run.record.step, run.record.steps) == ("stopped", 30, 40)


def test_a_run_that_lost_its_marker_is_found_again(
    farm: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("core.jobs.launcher.revive", lambda store: None)
        run = enqueue(farm, small())
    for marker in run_queue(farm).folder.glob("*_*"):
        marker.unlink()
    old = run.record.model_copy(update={"changed": 0.0})
    run.write_status(old)
    revive(farm)
    wait_until(lambda: run.status == "finished")


def test_the_first_step_alone(farm: RunStore) -> None:
    run = enqueue(farm, small(), paused=True)
    wait_until(lambda: run.status == "paused")
    assert run.record.step == 1
    control(farm, run, "resume")
    wait_until(lambda: run.status == "finished")
    with pytest.raises(RunError, match="finished"):
        control(farm, run, "resume")


def test_a_killed_job_leaves_no_place_taken(tmp_path: Path) -> None:
    code = (
        "import sys, time; from core.jobs.slots import Slot\n"
        "slot = Slot('cpu'); print(slot.enter(), flush=True); time.sleep(60)"
    )
    job = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert job.stdout is not None
    assert job.stdout.readline().strip() == "True"
    assert len(places.active()) == 1
    job.kill()
    job.wait()
    assert places.active() == []
    mine = [places.Slot("cpu") for _ in range(slots("cpu") + 1)]
    assert [p.enter() for p in mine] == [True] * slots("cpu") + [False]
    assert sum(p.share() for p in mine[:-1]) == cores()
    mine[0].leave()
    assert mine[-1].enter()
    for place in mine:
        place.leave()


def test_the_command_line_from_train_to_text(farm: RunStore) -> None:
    flags = [
        f"--{n}={v}" for n, v in small(training__steps=20).flat().items() if v not in (None, "", ())
    ]
    made = subprocess.run(
        [sys.executable, "-m", "core", "train", *flags], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    id = made.stdout.strip().splitlines()[-1]
    assert farm.open(id).status == "finished"
    text = subprocess.run(
        [sys.executable, "-m", "core", "generate", id, "--tokens", "20", "--prompt", "The"],
        capture_output=True,
        text=True,
    )
    assert text.stdout.startswith("The")
    assert len(text.stdout) == 24


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--model.dept", "3"], ["model.dept", "--model.depth"]),
        (["train", "--model.depth", "zero"], ["model.depth"]),
        (["train", "--model.heads", "5"], ["model.heads", "accepted"]),
        (["train", "--preset", "x"], ["preset", "first-minute"]),
        (["train", "--data.path", "/nowhere"], ["data.path"]),
        (["runs", "show", "x"], ["id"]),
        (["nonsense"], ["train"]),
    ],
)
def test_bad_input_is_refused_in_one_line(
    store: RunStore, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    from core.__main__ import main

    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for word in words:
        assert word in said
    assert store.list() == []


def test_a_warm_worker_trains_in_the_environment_of_whoever_queued(
    farm: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The standby is older than the setting, and so is the worker that goes on with the next."""

    def queued(name: str, cache: str) -> Run:
        text = tmp_path / f"{name}.txt"
        text.write_text(f"the {name} text of many letters " * 60)
        monkeypatch.setenv("ADDNORM_CACHE", str(tmp_path / cache))
        return enqueue(farm, small(data__corpus="file", data__path=str(text), training__steps=3))

    for turn, cache in (("first", "old"), ("second", "new"), ("third", "newer")):
        run = queued(turn, cache)
        wait_until(lambda run=run: run.status == "finished")
        assert len(list((tmp_path / cache / "tokens").iterdir())) == 1, turn
        wait_until(lambda: is_locked(standby_lock(farm)))


def test_a_run_that_is_queued_again_takes_the_environment_along(
    farm: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    monkeypatch.delenv("ADDNORM_DATA", raising=False)
    run = enqueue(farm, small())
    queue = run_queue(farm)
    found = environment.read(queue.read(run.id))
    assert found is not None
    assert "ADDNORM_DATA" not in found
    assert queue.hold(run.id)
    monkeypatch.setenv("ADDNORM_DATA", "/data")
    control(farm, run, "resume")
    assert waiting(farm) == [run.id]
    found = environment.read(queue.read(run.id))
    assert found is not None
    assert found["ADDNORM_DATA"] == "/data"
    marker = next(queue.folder.glob("*_*"))
    assert marker.stat().st_mode & 0o077 == 0
    monkeypatch.delenv("ADDNORM_DATA")
    environment.enter(json.dumps(found))
    assert os.environ["ADDNORM_DATA"] == "/data"
    del found["ADDNORM_DATA"]
    environment.enter(json.dumps(found))
    assert "ADDNORM_DATA" not in os.environ
