"""Grids as a whole, and the queue behind them: order, holding, workers that go on."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core import grids
from core.jobs import control, enqueue, environment, training_worker, waiting
from core.jobs import grids as jobs
from core.jobs.grid_progress import at_work, goes_on, progress
from core.jobs.handoff import Turn, is_someones
from core.jobs.launcher import standby_lock
from core.jobs.queue import run_queue
from core.machine import slots
from core.runs import RunError, RunStore, Status
from core.runs.locks import is_locked
from tests.conftest import small
from tests.farm import farm, one_core, wait_until

__all__ = ["farm"]  # a fixture


@pytest.fixture
def still(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A store whose queue nobody works on."""
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    return store


def grid_of(axes: dict[str, list[object]], **changes: object) -> grids.Grid:
    return grids.grid("tiny", small(**changes), axes)


def states(store: RunStore, id: str) -> list[str]:
    return [run.status for run in jobs.members(store, id)]


def counts(store: RunStore, id: str) -> tuple[int, ...]:
    now = progress(store, id)
    names = ("total", "done", "training", "waiting", "paused", "stopped", "failed")
    return tuple(now[name] for name in names)  # type: ignore[literal-required]


# Without workers


def test_a_grid_is_queued_in_its_order_and_every_run_says_so(still: RunStore) -> None:
    axes = {"model.residual": ["on", "off"], "model.scaling": ["one", "deepnorm"]}
    id = jobs.start(still, grid_of({**axes, "training.seed": [0, 1]}))
    runs = jobs.members(still, id)
    assert [run.id for run in runs] == waiting(still)
    # DeepNorm brings post, so nothing is impossible here.
    wired = [
        (r.config.training.seed, r.config.model.residual, r.config.model.placement) for r in runs
    ]
    assert wired == [(s, r, p) for s in (0, 1) for r in ("on", "off") for p in ("pre", "post")]
    assert {run.meta["grid"] for run in runs} == {id}
    assert {run.meta["grid_name"] for run in runs} == {"tiny"}
    assert jobs.known(still) == {id: "tiny"}
    assert jobs.find(still, id[9:]) == id
    assert jobs.definition(still, id)["axes"]["model.residual"] == ["on", "off"]
    assert counts(still, id) == (8, 0, 0, 8, 0, 0, 0)
    assert progress(still, id)["seconds_left"] is None


def test_impossible_cells_are_kept_with_their_reasons(still: RunStore) -> None:
    axes = {"model.placement": ["pre", "post"], "model.scaling": ["one", "deepnorm"]}
    id = jobs.start(still, grid_of(axes))
    assert len(jobs.members(still, id)) == 3
    [cell] = jobs.definition(still, id)["impossible"]
    assert cell["values"] == {"model.placement": "pre", "model.scaling": "deepnorm"}
    assert "needs placement post" in cell["reason"]
    with pytest.raises(RunError, match="no cell"):
        jobs.start(still, grid_of({"model.width": [15, 17]}))


def test_pausing_holds_the_queue_and_resuming_restores_its_order(still: RunStore) -> None:
    before = enqueue(still, small())
    id = jobs.start(still, grid_of({"model.depth": [1, 2, 3]}))
    after = enqueue(still, small())
    order = waiting(still)
    assert order.index(after.id) == 3, "before the grid's last: they take turns"
    jobs.pause(still, id)
    assert waiting(still) == [before.id, after.id]
    assert run_queue(still).held() == [run.id for run in jobs.members(still, id)]
    assert counts(still, id) == (3, 0, 0, 0, 3, 0, 0)
    for run in jobs.members(still, id):  # as old as an orphan
        run.write_status(run.record.model_copy(update={"changed": 0.0}))
    training_worker.adopt_orphans(still)
    assert waiting(still) == [before.id, after.id]
    jobs.resume(still, id)
    assert waiting(still) == order
    assert run_queue(still).held() == []


def test_one_held_run_can_be_resumed_or_stopped_alone(still: RunStore) -> None:
    id = jobs.start(still, grid_of({"model.depth": [1, 2, 3]}))
    first, second, third = jobs.members(still, id)
    jobs.pause(still, id)
    control(still, second, "resume")
    control(still, third, "stop")
    assert waiting(still) == [second.id]
    assert run_queue(still).held() == [first.id]
    assert states(still, id) == ["queued", "queued", "stopped"]


def test_cancelling_stops_what_waits_and_resuming_queues_it_again(still: RunStore) -> None:
    id = jobs.start(still, grid_of({"model.depth": [1, 2]}))
    jobs.cancel(still, id)
    assert states(still, id) == ["stopped", "stopped"]
    assert waiting(still) == run_queue(still).held() == []
    assert not goes_on(progress(still, id))
    jobs.resume(still, id)
    assert states(still, id) == ["queued", "queued"]
    assert len(waiting(still)) == 2


def test_a_disk_that_fills_up_keeps_what_is_queued(
    still: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = RunStore.create, []

    def create(self: RunStore, *values: object, **meta: object) -> object:
        if len(made) == 2:
            raise RunError("no run can be written: No space left on device")
        made.append(1)
        return real(self, *values, **meta)  # type: ignore[arg-type]

    monkeypatch.setattr(RunStore, "create", create)
    with pytest.raises(jobs.GridStartError, match="2 of 3 runs of tiny are queued") as error:
        jobs.start(still, grid_of({"model.depth": [1, 2, 3]}))
    assert len(jobs.members(still, error.value.grid)) == len(waiting(still)) == 2

    def full(path: Path, value: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(jobs, "write_json", full)
    with pytest.raises(RunError, match="No space left"):
        jobs.start(still, grid_of({"model.depth": [1]}))
    assert len(jobs.known(still)) == 1


def test_progress_counts_every_state_and_knows_the_time_left(still: RunStore) -> None:
    id = jobs.start(still, grid_of({"training.seed": list(range(7))}))
    runs = jobs.members(still, id)
    ends = ("finished", "diverged", "failed", "stopped", "interrupted")
    for run, state in zip(runs, ends, strict=False):
        run.write_status(Status(state=state, step=30, steps=30))
    assert counts(still, id) == (7, 2, 0, 2, 0, 2, 1)
    assert progress(still, id)["diverged"] == 1
    lock = runs[5].lock()
    assert lock.acquire()
    (runs[5].path / "corpus.json").write_text('{"vocabulary": 90}')
    runs[5].write_status(Status(state="running", step=10, steps=30, seconds_left=20))
    one = progress(still, id)
    assert (one["training"], one["waiting"]) == (1, 1)
    places = slots("cpu")  # 20 steps of 1 s are ahead of it, 30 of the one that waits
    assert one["seconds_left"] == pytest.approx(max(50 / places, 30), rel=0.01)
    assert [grid["id"] for grid in at_work(still, [runs[5].id])] == [id]
    assert at_work(still, ["no-such-run"]) == []
    lock.release()


def test_what_does_not_exist_is_named(still: RunStore) -> None:
    for act in (jobs.pause, jobs.resume, jobs.cancel, progress, jobs.find):
        with pytest.raises(RunError, match="there is no grid"):
            act(still, "nothing")
    (still.root / "half-made").mkdir(parents=True)
    assert jobs.known(still) == {}
    (still.root / "half-made" / "meta.json").write_text('{"grid": "g"}')
    assert jobs.known(still) == {}  # its settings are not written yet
    (still.root / "half-made" / "config.json").write_text(small().model_dump_json())
    assert jobs.known(still) == {"g": "g"}


def test_nothing_of_the_queue_is_opened_while_no_place_is_free(
    still: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        enqueue(still, small())
    opened: list[str] = []
    real = RunStore.open
    monkeypatch.setattr(RunStore, "open", lambda self, id: opened.append(id) or real(self, id))
    search = training_worker.Search(still, ("cpu",))
    monkeypatch.setattr(training_worker, "free", lambda kind: 0)
    assert [search() for _ in range(5)] == [None] * 5
    assert opened == []
    # One comes free; the machine's own places may be taken by what else runs here.
    monkeypatch.setattr(training_worker, "free", lambda kind: 1)
    monkeypatch.setattr(training_worker.Slot, "enter", lambda self, wait=True: True)
    claimed = search()
    assert claimed is not None
    assert opened == [claimed.run.id]  # the next one and no other
    assert len(waiting(still)) == 2
    claimed.give_back()


def test_a_run_that_was_held_meanwhile_is_not_taken(still: RunStore) -> None:
    run = enqueue(still, small())
    assert run_queue(still).take(run.id)
    assert not run_queue(still).take(run.id)  # two can't have it
    run_queue(still).put(run.id, environment.written())
    assert run_queue(still).hold(run.id)
    assert training_worker.Search(still, ("cpu",))() is None
    assert not run.alive


def test_the_standby_leaves_the_queue_to_a_worker_between_two_runs(still: RunStore) -> None:
    enqueue(still, small())
    one, other = Turn(still), Turn(still)
    assert not is_someones(still)
    one.acquire()
    other.acquire()
    one.release()
    assert is_someones(still)
    other.release()
    assert not is_someones(still)


# With workers


def test_a_grid_trains_to_its_end_in_few_processes(farm: RunStore) -> None:
    with one_core():
        id = jobs.start(farm, grid_of({"model.depth": [1, 2], "training.seed": [0, 1]}))
        wait_until(lambda: progress(farm, id)["done"] == 4)
    runs = jobs.members(farm, id)
    assert len({run.record.pid for run in runs}) == 1  # one worker took them all
    for run in runs:
        assert len(run.series("loss/train")[1]) == 30
    assert progress(farm, id)["seconds_left"] is None
    assert len(waiting(farm)) == 0
    wait_until(lambda: is_locked(standby_lock(farm)))  # the standby waits as ever


def test_the_second_run_of_a_process_is_as_the_first_of_another(farm: RunStore) -> None:
    config = small(model__dropout=0.1, training__steps=60, training__seed=3)
    with one_core():
        first = enqueue(farm, small(model__depth=3, model__dropout=0.2))
        second = enqueue(farm, config)
        wait_until(lambda: second.status == "finished")
    assert first.record.pid == second.record.pid
    flags = [f"--{n}={v}" for n, v in config.flat().items() if v not in (None, "", ())]
    made = subprocess.run(
        [sys.executable, "-m", "core", "train", *flags], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    alone = farm.open(made.stdout.split()[-1])
    for metric in ("loss/train", "loss/validation", "grad_norm/total", "activation/rms/resid_post"):
        np.testing.assert_array_equal(second.series(metric)[1], alone.series(metric)[1])
    assert [e["text"] for e in second.events if e["kind"] == "sample"] == [
        e["text"] for e in alone.events if e["kind"] == "sample"
    ]


def test_pause_resume_and_cancel_at_work(farm: RunStore) -> None:
    with one_core():
        axes = {"training.seed": [0, 1, 2]}
        id = jobs.start(farm, grid_of(axes, training__steps=100_000, training__evaluate_every=0))
        first = jobs.members(farm, id)[0]
        wait_until(lambda: len(first.rows("step", []).steps) > 10)
        jobs.pause(farm, id)
        wait_until(lambda: first.status == "paused")
        assert counts(farm, id) == (3, 0, 0, 0, 3, 0, 0)
        at = first.record.step
        jobs.resume(farm, id)
        wait_until(lambda: first.status == "running" and first.record.step > at)
        assert counts(farm, id) == (3, 0, 1, 2, 0, 0, 0)
        assert progress(farm, id)["seconds_left"] is not None
        jobs.cancel(farm, id)
        wait_until(lambda: states(farm, id) == ["stopped"] * 3)
    assert first.checkpoints[-1] == first.record.step
    assert waiting(farm) == run_queue(farm).held() == []


def test_a_worker_that_is_told_to_end_takes_no_other_run(farm: RunStore) -> None:
    with one_core():
        first = enqueue(farm, small(training__steps=100_000, training__evaluate_every=0))
        second = enqueue(farm, small(training__steps=100_000, training__evaluate_every=0))
        wait_until(lambda: len(first.rows("step", []).steps) > 10)
        worker_of_first = first.record.pid
        os.kill(worker_of_first, signal.SIGTERM)
        wait_until(lambda: first.status == "stopped")
        wait_until(lambda: second.status == "running")
        assert second.record.pid != worker_of_first
        control(farm, second, "stop")
        wait_until(lambda: second.status == "stopped")


# The command line


def test_sweep_prints_the_cells_and_what_they_cost(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from core.__main__ import main

    path = tmp_path / "grid.toml"
    path.write_text(
        'name = "Norms"\n[base]\nmodel.width = 16\n[grid.model]\nplacement = ["pre", "none"]\n'
        'norm = ["layer", "none"]\nscaling = ["one", "lns"]\n'
    )
    assert main(["sweep", str(path), "--dry-run"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Norms: 3 runs, about ")
    assert "a guess until the first run" in said[0]
    assert said[1].split() == ["placement", "norm", "scaling"]
    assert len(said) == 10
    assert sum("impossible: model.scaling: lns needs placement pre" in line for line in said) == 3
    assert sum("the same run as placement none, norm none" in line for line in said) == 2
    assert store.list() == []


def test_sweep_follows_a_grid_to_its_end(farm: RunStore, tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    taken = ("model.depth", "model.width", "model.heads", "model.context", "training.")
    rest = "".join(
        f"{name} = {json.dumps(value)}\n"
        for name, value in small().flat().items()
        if name.startswith(taken) and value != ()
    )
    path.write_text(f"[base]\n{rest}[grid.model]\nresidual = [true, false]\n")
    done = subprocess.run(
        [sys.executable, "-m", "core", "sweep", str(path), "--wait"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    *_, heads, best, worst, id = done.stdout.splitlines()
    assert heads.split() == ["residual", "validation", "training", "state"]
    assert float(best.split()[1]) <= float(worst.split()[1])
    assert {best.split()[0], worst.split()[0]} == {"on", "off"}
    assert "2/2 runs" in done.stderr
    assert states(farm, id) == ["finished"] * 2


def test_sweep_steers_by_a_part_of_the_id(
    still: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    from core.__main__ import main

    id = jobs.start(still, grid_of({"model.depth": [1, 2]}))
    for verb, state in (("pause", "paused"), ("resume", "resumed"), ("cancel", "cancelled")):
        assert main(["sweep", f"--{verb}", id[-4:]]) == 0
        assert capsys.readouterr().out.strip() == f"{id}: {state}"
    assert states(still, id) == ["stopped", "stopped"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep"], ["TOML", "--cancel"]),
        (["sweep", "which-trains", "--pause", "x"], ["TOML"]),
        (["sweep", "nowhere.toml"], ["nowhere.toml", "which-trains"]),
        (["sweep", "--resume", "x"], ["there is no grid x"]),
        (["sweep", "which-trains", "--wat"], ["wat", "--wait"]),
    ],
)
def test_bad_sweeps_are_refused_in_one_line(
    store: RunStore, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    from core.__main__ import main

    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for word in words:
        assert word in said
    assert store.list() == []
