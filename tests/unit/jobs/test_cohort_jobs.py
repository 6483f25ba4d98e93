"""A worker that takes several runs of its queue at once, and what of them is each one's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.config import RunConfig
from core.jobs import cohorts, control, enqueue, machine
from core.jobs.cohorts import CohortsError, Seat, Shared
from core.jobs.slots import Slot, active
from core.runs import Run, RunStore
from core.runs.locks import is_at_work
from tests.conftest import small as smallest
from tests.farm import farm, wait_until
from tests.loops import losses, train

__all__ = ["farm"]  # a fixture


def small(**changes: object) -> RunConfig:
    return smallest(**{"model__context": 8, "training__evaluate_every": 0, **changes})


def test_waiting_runs_of_one_shape_train_together(
    farm: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cohorts.VARIABLE, "8")
    endless = {"training__steps": 100_000}
    shapes: list[dict[str, object]] = [
        {},
        {"model__placement": "post", "training__seed": 1},
        {**endless, "model__placement": "none", "model__norm": "none"},
        {"model__width": 8},
    ]
    runs = [enqueue(farm, small(**shape)) for shape in shapes]
    done = [runs[0], runs[1], runs[3]]
    wait_until(lambda: all(run.status == "finished" for run in done))
    wait_until(lambda: not is_at_work(runs[0].path))  # its lock is free while another one trains
    assert runs[2].status == "running"
    assert is_at_work(runs[2].path)
    told = [[e["runs"] for e in run.events if e["kind"] == "cohort"] for run in runs]
    assert sorted(told[0][0]) == sorted(run.id for run in runs[:3])
    assert told[3] == []
    control(farm, runs[2], "stop")
    wait_until(lambda: runs[2].status == "stopped")
    assert runs[2].checkpoints[-1] == runs[2].record.step
    wait_until(lambda: machine().active == 0)
    for run in runs:
        assert (run.path / "digest.json").exists()
        assert (run.path / "log.txt").exists()
    for run, shape in zip(runs[:2], shapes, strict=False):
        single = train(RunStore(farm.root.parent / "alone"), small(**shape))
        np.testing.assert_allclose(losses(run), losses(single), rtol=1e-4)


def test_one_that_fails_says_why_and_the_others_train(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    runs = [store.create(small(training__seed=seed)) for seed in (0, 1, 2)]
    (runs[0].path / "corpus.json").write_text('{"schema": 1, "sha256": "another"}')
    assert work(runs) == ["failed", "finished", "finished"]
    assert "SHA-256" in runs[0].record.message
    assert active() == []


def work(runs: list[Run]) -> list[str]:
    from core.jobs.execute_run import FileControl

    slot = Slot("cpu")
    assert slot.enter()
    shared = Shared(slot)
    taken = []
    for run in runs:
        lock, seat = run.lock(), Seat(shared)
        assert lock.acquire()
        taken.append(cohorts.Taken(run, lock, FileControl(run, seat), seat))
    cohorts.work_together(taken)
    slot.leave()
    for one in taken:
        one.lock.release()
    return [run.status for run in runs]


def test_a_slot_is_left_when_nobody_works_in_it() -> None:
    slot = Slot("cpu", 100)
    assert slot.enter()
    assert slot.grow(50)
    assert [name.split("-")[2] for name in active()] == ["150"]
    seats = [Seat(shared) for shared in [Shared(slot)] for _ in range(2)]
    seats[0].leave()
    seats[0].leave()
    assert active()
    assert seats[1].taken
    seats[1].leave()
    assert not active()
    assert seats[0].enter()
    assert len(active()) == 1
    seats[0].leave()


def test_more_memory_than_there_is_is_not_given() -> None:
    slot = Slot("cpu", 100)
    assert slot.enter()
    assert not slot.grow(10**15)
    assert slot.need == 100
    slot.leave()
    assert not slot.grow(1)


@pytest.mark.parametrize(
    ("word", "number"), [("", None), ("auto", None), ("OFF", 1), ("1", 1), ("2", 2), (" 64 ", 64)]
)
def test_words_of_the_setting(word: str, number: int | None) -> None:
    assert cohorts.chosen(word) == number


@pytest.mark.parametrize("word", ["65", "0", "-3", "many", "1e3", "９"])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(CohortsError, match="off, auto"):
        cohorts.chosen(word)


def test_on_a_processor_they_are_off_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cohorts.VARIABLE, raising=False)
    assert (cohorts.most("cpu"), cohorts.most("cuda")) == (1, cohorts.AUTO)
    monkeypatch.setenv(cohorts.VARIABLE, "off")
    assert cohorts.most("cuda") == 1
    monkeypatch.setenv(cohorts.VARIABLE, "nonsense")
    assert cohorts.most("cpu") == 1


def test_a_sweep_says_it_of_its_runs(tmp_path: Path) -> None:
    grid = tmp_path / "g.toml"
    grid.write_text("[base]\ntraining.steps = 2\n[grid]\nmodel.depth = [1]\n")
    command = [sys.executable, "-m", "core", "sweep", str(grid), "--runs-dir", str(tmp_path)]
    wrong = subprocess.run([*command, "--cohort", "many"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "off, auto" in wrong.stderr
    right = subprocess.run(
        [*command, "--cohort", "4", "--dry-run", "--json"],
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    assert right.returncode == 0
    assert json.loads(right.stdout)
