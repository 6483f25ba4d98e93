"""Whose turn it is: grids go round, people move what waits, kills lose no run."""

import json
import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from core.__main__ import main
from core.cli import runs as runs_command
from core.jobs import launcher, places, training_worker
from core.jobs.queue import place_of, run_queue, waiting
from core.runs import Run, RunError, RunStore, Status
from tests.conftest import small
from tests.fake_runs import checkpoint, finished


@pytest.fixture(autouse=True)
def _nobody_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "revive", lambda store: None)
    monkeypatch.setattr(runs_command, "revive", lambda store: None)


def queued(store: RunStore, grid: str = "", many: int = 1) -> list[Run]:
    meta = {"grid": grid, "grid_name": grid} if grid else {}
    return [launcher.add(store, small(), f"{grid or 'one'} {i}", **meta) for i in range(many)]


def order(store: RunStore) -> list[str]:
    return [store.open(id).name for id in waiting(store)]


def test_grids_take_turns_with_each_other_and_with_single_runs(store: RunStore) -> None:
    queued(store, "a", 4)
    queued(store, "b", 2)
    queued(store, "", 2)
    assert order(store) == ["a 0", "b 0", "one 0", "a 1", "b 1", "one 1", "a 2", "a 3"]


def test_a_turn_respects_what_was_moved_by_hand() -> None:
    assert place_of("b", ["a", "a", "a"]) == 1
    assert place_of("b", ["b", "a", "a", "a"]) == 3  # its second, after both first and a second
    assert place_of("", []) == 0
    assert place_of("a", ["a", "a"]) == 2
    assert place_of("b", ["a", "a", "b"]) == 3  # never before its own


def test_a_higher_priority_goes_first_and_grids_take_turns_within_one(store: RunStore) -> None:
    queued(store, "a", 2)
    for grid, priority in (("b", 5), ("c", 5), ("late", -1)):
        for i in range(2):
            meta = {"grid": grid, "grid_name": grid, "priority": priority}
            launcher.add(store, small(), f"{grid} {i}", **meta)
    queued(store, "", 1)
    assert order(store) == ["b 0", "c 0", "b 1", "c 1", "a 0", "one 0", "a 1", "late 0", "late 1"]
    words = [place.words for place in places.places(store).values()]
    assert words[0] == "first, priority 5"
    assert words[4] == "fifth"
    # One that was moved down by hand is no reason to wait for all that it stands behind.
    launcher.move(store, store.open(waiting(store)[0]), "last")
    launcher.add(store, small(), "urgent", priority=7)
    launcher.add(store, small(), "soon", priority=5)
    assert order(store)[:2] == ["urgent", "c 0"]
    assert order(store)[-2:] == ["b 0", "soon"], "behind its equals, wherever they were moved"


def test_a_priority_is_typed_and_one_that_is_none_is_refused(
    store: RunStore, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    grid = tmp_path / "grid.toml"
    grid.write_text("[base]\ntraining.steps = 5\n[grid]\nmodel.depth = [1, 2]\n")
    assert main(["sweep", str(grid)]) == 0
    assert main(["sweep", str(grid), "--priority", "3"]) == 0
    assert [store.open(id).meta.get("priority", 0) for id in waiting(store)] == [3, 3, 0, 0]
    capsys.readouterr()
    assert main(["runs", "list"]) == 0
    assert "(first, priority 3)" in capsys.readouterr().out
    for wrong in ("high", "1.5", "101", "", "٣", "9" * 400):
        for command in (["sweep", str(grid)], ["train"]):
            assert main([*command, f"--priority={wrong}"]) == 2
            assert "priority:" in capsys.readouterr().err
    assert len(store.list()) == 4


def test_a_run_is_moved_and_its_place_is_told(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third = queued(store, "", 3)
    assert main(["runs", "move", third.id, "first"]) == 0
    assert capsys.readouterr().out == f"{third.id}: now first\n"
    assert waiting(store) == [third.id, first.id, second.id]
    assert main(["runs", "list", "--json"]) == 0
    rows = {row["id"]: row["queue"] for row in json.loads(capsys.readouterr().out)}
    assert rows[second.id] == {**{"number": 3, "starts_in": None, "priority": 0, "words": "third"}}
    assert main(["runs", "list"]) == 0
    assert "(second)" in capsys.readouterr().out
    done = finished(store, "done", steps=20)
    assert main(["runs", "move", done.id, "up"]) == 2
    assert "only a run that waits can be moved" in capsys.readouterr().err
    assert main(["runs", "move", first.id, "upwards"]) == 2
    with pytest.raises(RunError, match="only a run that waits"):
        launcher.move(store, done, "first")


def test_when_a_run_starts_is_told_from_what_was_measured(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "slots", lambda kind: 2)
    long = small(training__steps=10**6)
    ids = [launcher.add(store, long, f"one {i}").id for i in range(4)]
    assert [place.seconds for place in places.places(store).values()] == [None] * 4
    finished(store, "measured", steps=60)
    for number in range(places.NEWEST):  # waits behind all of these, and measured nothing
        launcher.add(store, small(), f"more {number}")
    found = places.places(store)
    assert [found[id].seconds for id in ids[:2]] == [0, 0]
    each = found[ids[2]].seconds
    assert each is not None
    assert each > 0
    assert found[ids[0]].words == "first, starts now"
    assert found[ids[3]].words == f"fourth, starts in about {places.in_time(each)}"
    # One slot is busy for another minute.
    busy = store.create(small(training__steps=600))
    lock = busy.lock()
    assert lock.acquire()
    busy.write_status(Status(state="running", step=100, steps=600, seconds_left=60))
    later = places.places(store)
    assert [later[id].seconds for id in ids] == [
        0,
        60,
        pytest.approx(each),
        pytest.approx(60 + each),
    ]
    lock.release()
    words = [places.Place(n, None).words for n in (1, 10, 11, 12, 21, 22, 33, 111)]
    assert words == ["first", "tenth", "11th", "12th", "21st", "22nd", "33rd", "111th"]


def work(root: Path, log: Path) -> None:
    """Take runs as a worker does, without torch."""
    store = RunStore(root)
    queue = run_queue(store)
    while ids := queue.waiting():
        run = store.open(ids[0])
        lock = run.lock()
        if lock.acquire() and queue.take(run.id) and run.status == "queued":
            run.write_status(Status(state="running"))
            with open(log, "a") as file:  # in the order of the beginnings
                file.write(run.id + "\n")
            time.sleep(0.01)
            run.write_status(Status(state="finished"))
        lock.release()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_whatever_is_killed_no_run_is_lost_or_trained_twice(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers, killed again and again while somebody moves what waits."""
    monkeypatch.setattr(training_worker, "ORPHAN_SECONDS", -1)
    runs = queued(store, "a", 20) + queued(store, "b", 10)
    log = tmp_path / "log"
    log.touch()
    last = waiting(store)[-1]
    launcher.move(store, store.open(last), "first")
    expected = waiting(store)
    assert expected[0] == last
    processes = get_context("fork")
    workers: list[BaseProcess] = []
    kills = 0
    while any(run.status == "queued" for run in runs):
        workers = [one for one in workers if one.is_alive()]
        if not workers:
            training_worker.adopt_orphans(store)  # as every standby does when it begins
        while len(workers) < 2:
            workers.append(processes.Process(target=work, args=(store.root, log)))
            workers[-1].start()
        if kills < 6 and len(log.read_text().split()) > 3 * kills:
            workers[kills % 2].kill()
            workers[kills % 2].join()
            kills += 1
            for id in waiting(store)[-1:]:  # it may be taken before it is moved
                run_queue(store).move(id, "up")
                run_queue(store).move(id, "down")
    for worker in workers:
        worker.join()
    states = [run.status for run in runs]
    assert kills
    assert states.count("finished") + states.count("interrupted") == len(runs)
    assert states.count("interrupted") <= kills
    done = log.read_text().split()
    assert len(done) == len(set(done))
    assert waiting(store) == []
    # In order, but for what was killed and the two that work side by side. A run whose worker
    # died before it began waits again at the end: it alone is late, not all that went before it.
    kept = [id for id in done if store.open(id).status == "finished"]
    turns = [expected.index(id) for id in kept]
    late = [
        turn for place, turn in enumerate(turns) if sum(other > turn for other in turns[:place]) > 2
    ]
    assert len(late) <= kills + 2


def test_a_grid_starts_all_of_its_runs_from_one_checkpoint(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parent = finished(store, "parent", steps=60, data__corpus="python-reference")
    for step in (20, 40):
        checkpoint(parent, step)
    path = tmp_path / "grid.toml"
    lines = f'fork = "{parent.id}@20"\n[grid]\noptimizer.learning_rate = [1e-4, 1e-2]\n'
    path.write_text(lines + "model.depth = [6, 8]\n")
    assert main(["sweep", str(path)]) == 0
    said = capsys.readouterr().out
    assert "from step 20 of parent, 2 runs" in said
    assert "model.depth: 8 would give trained tensors another shape" in said
    made = [run for run in store.list() if run.meta.get("grid")]
    assert [(run.first_step, run.record.step, run.config.training.steps) for run in made] == [
        (20, 20, 60),
        (20, 20, 60),
    ]
    assert [run.config.optimizer.learning_rate for run in made] == [1e-4, 1e-2]
    assert main(["sweep", str(path), "--fork", f"{parent.id}@40", "--dry-run"]) == 0
    assert "from step 40 of parent" in capsys.readouterr().out
    assert main(["sweep", str(path), "--fork", f"{parent.id}@30"]) == 2
    assert "accepted: 20, 40" in capsys.readouterr().err
    path.write_text(f'preset = "pre-ln-lives"\n{lines}')
    assert main(["sweep", str(path)]) == 2
    assert "preset: a fork has its parent's settings" in capsys.readouterr().err


def test_a_slot_that_comes_free_while_one_looks_is_not_a_later_runs(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(store, "", 3)
    asked: list[training_worker.Slot] = []

    def enter(slot: training_worker.Slot, wait: bool = True) -> bool:
        asked.append(slot)
        return len(asked) > 1  # the first is refused, then somebody leaves

    monkeypatch.setattr(training_worker.Slot, "enter", enter)
    monkeypatch.setattr(training_worker, "free", lambda kind: 1)
    search = training_worker.Search(store, ("cpu",))
    monkeypatch.setattr(search, "_needs", dict.fromkeys(waiting(store), ("cpu", 0)))
    assert search() is None
    claimed = search()
    assert claimed is not None
    assert claimed.run.name == "one 0"
    claimed.give_back()
