"""Memory shared among jobs: who may start, who waits, and who is refused before the start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import durations, grids, memory
from core.__main__ import main
from core.config import RunConfig
from core.estimate import needed_bytes
from core.jobs import admission, control, enqueue, slots
from core.jobs import grids as grid_jobs
from core.jobs.room import Entry, Room, room
from core.jobs.slots import Slot
from core.memory import Gpu, Memory
from core.runs import RunError, RunStore, Status
from tests.conftest import small

GB = 10**9
LARGE = {
    **{"model__width": 512, "model__heads": 8, "model__depth": 12, "model__context": 512},
    "training__batch_size": 256,
}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of this test's own, and nothing that trains."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)


@pytest.fixture
def ram(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The main memory, and what each process holds of it, to be changed by the test."""
    there = {"total": 32 * GB, "free": 30 * GB, "held": 0}
    monkeypatch.setattr(memory, "ram", lambda: Memory(there["total"], there["free"]))
    monkeypatch.setattr(memory, "resident", lambda pid: there["held"])
    return there


def test_an_entry_says_what_its_job_needs() -> None:
    assert Entry.of("0001-42-7000-cpu") == Entry("0001-42-7000-cpu", 42, 7000, "cpu")
    assert Entry.of("0001-42-cuda").need == 0  # of an older program
    slot = Slot("cpu", 5 * GB)
    assert slot.enter()
    [mine] = slots.entries()
    assert (mine.pid, mine.need, mine.kind) == (os.getpid(), 5 * GB, "cpu")
    slot.leave()


def test_what_jobs_at_work_may_still_take_is_taken(ram: dict[str, int]) -> None:
    jobs = [Entry("", 1, 10 * GB, "cpu"), Entry("", 2, 4 * GB, "cpu"), Entry("", 3, GB, "cuda")]
    assert room("cpu", jobs) == Room(32 * GB, 30 * GB, 16 * GB, 2)
    ram["held"] = 3 * GB  # of each: what they hold is not free any more
    ram["free"] = 24 * GB
    assert room("cpu", jobs) == Room(32 * GB, 30 * GB, 16 * GB, 2)
    ram["held"] = 12 * GB  # one holds more than was thought
    ram["free"] = 6 * GB
    assert room("cpu", jobs) == Room(32 * GB, 30 * GB, 6 * GB, 2)


def test_what_there_is_in_words() -> None:
    there = Room(32 * GB, 30 * GB, 8 * GB, 1)
    assert there.lacks(8 * GB, waits=False) == ""
    assert there.lacks(9 * GB, waits=True) == ""
    assert there.lacks(9 * GB, waits=False) == "8.0 GB are left here beside the job at work"
    assert there.lacks(31 * GB, waits=True) == "30.0 GB of the 32.0 GB here are free"
    assert there.lacks(33 * GB, waits=True) == "there are 32.0 GB here"


def test_a_job_waits_until_its_memory_is_free(ram: dict[str, int], monkeypatch) -> None:
    monkeypatch.setattr("core.machine.cores", lambda: 4)
    first, second, little = Slot("cpu", 20 * GB), Slot("cpu", 20 * GB), Slot("cpu", GB)
    assert first.enter()
    assert not second.enter()
    assert (second.too_large, second.never_fits) == (True, False)
    assert little.enter()  # it takes nothing that the waiting one could have
    first.leave()
    assert second.enter()
    assert not first.enter(wait=True) or first.taken  # it comes back from a pause with its memory
    for slot in (first, second, little):
        slot.leave()
    never = Slot("cpu", 40 * GB)
    assert not never.enter()
    assert never.never_fits


def test_a_gpu_takes_as_many_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.machine.cores", lambda: 8)
    held: dict[int, int] = {}
    gpu = Gpu(Memory(80 * GB, 80 * GB), held)
    monkeypatch.setattr(memory, "gpu", lambda: gpu)
    jobs = [Slot("cuda", 24 * GB) for _ in range(4)]
    assert [job.enter() for job in jobs] == [True, True, True, False]
    assert durations.slots("cuda", 24 * GB) == 3
    for job in jobs:
        job.leave()
    monkeypatch.setattr(memory, "gpu", lambda: None)  # nothing says how much it has
    jobs = [Slot("cuda", 24 * GB) for _ in range(3)]
    assert [job.enter() for job in jobs] == [True, True, False]
    for job in jobs:
        job.leave()


def test_a_run_that_never_fits_is_refused_before_it_starts(
    store: RunStore, ram: dict[str, int]
) -> None:
    config = small(**LARGE)
    with pytest.raises(RunError, match=r"32\.0 GB here: training\.accumulate") as refused:
        enqueue(store, config)
    assert store.list() == []
    # What is offered is taken.
    offer = str(refused.value).partition("training.accumulate ")[2].partition(" ")[0]
    assert enqueue(store, small(**LARGE, training__accumulate=int(offer))).status == "queued"
    ram["free"] = ram["total"] = 200 * GB
    assert enqueue(store, config).status == "queued"


def test_one_that_waits_may_have_what_others_leave(store: RunStore, ram: dict[str, int]) -> None:
    config = small(**LARGE, training__accumulate=4)
    need = needed_bytes(config, admission.letters(config) or 0)
    ram |= {"total": 2 * need, "free": int(1.5 * need)}
    other = Slot("cpu", need)
    assert other.enter()
    assert admission.refused(config) == ""
    assert "beside the job at work" in admission.refused(config, waits=False)
    other.leave()
    assert admission.refused(config, waits=False) == ""
    ram["free"] = need // 2  # others of the machine have it
    assert "GB here are free" in admission.refused(config)


def test_a_run_that_can_not_be_taken_up_stays_as_it_is(
    store: RunStore, ram: dict[str, int]
) -> None:
    run = store.create(small(**LARGE))
    run.write_status(Status(state="out_of_memory", step=3, steps=30))
    with pytest.raises(RunError, match="training needs about"):
        control(store, run, "resume")
    assert run.status == "out_of_memory"
    ram["total"] = ram["free"] = 300 * GB
    control(store, run, "resume")
    assert (run.status, run.record.step) == ("queued", 3)


def test_the_command_line_refuses_in_one_line(
    store: RunStore, ram: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--{n.replace('__', '.')}={v}" for n, v in LARGE.items()]
    assert main(["train", "--device", "cpu", *flags]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "training needs about" in told[0]
    assert "training.batch_size" in told[0]
    assert store.list() == []


def test_a_grid_starts_what_there_is_memory_for(
    store: RunStore, ram: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    base = small(**{**LARGE, "training__batch_size": 4})
    grid = grids.grid("sizes", base, {"training.batch_size": [4, 256, 8], "training.seed": [0, 1]})
    plan = grid_jobs.admitted(grid.plan())
    assert (len(plan.runs), len(plan.impossible)) == (4, 2)
    assert all("training needs about" in cell.reason for cell in plan.impossible)
    id = grid_jobs.start(store, grid)
    assert [run.config.training.batch_size for run in grid_jobs.members(store, id)] == [4, 8, 4, 8]
    left_out = grid_jobs.definition(store, id)["impossible"]
    assert [one["values"]["training.batch_size"] for one in left_out] == [256, 256]
    ram["total"] = ram["free"] = GB // 4
    with pytest.raises(RunError, match="no cell of this grid is possible: training needs about"):
        grid_jobs.start(store, grid)


def test_the_worker_says_that_a_run_waits_for_memory(
    store: RunStore, ram: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.jobs.training_worker import Search

    run = enqueue(store, small())
    other = Slot("cpu", 0)
    search = Search(store, ("cpu",))
    monkeypatch.setattr("core.machine.cores", lambda: 4)
    ram["free"] = GB // 10
    assert search() is None
    assert run.status == "queued"
    assert "it waits until about" in run.record.message
    ram["free"] = 30 * GB
    claim = search()
    assert claim is not None
    assert claim.run == run
    claim.give_back()
    other.leave()


def test_one_that_was_queued_for_a_larger_machine_ends_with_the_sentence(
    store: RunStore, ram: dict[str, int]
) -> None:
    from core.jobs.training_worker import Search

    run = enqueue(store, small())
    ram["total"] = ram["free"] = GB // 10
    assert Search(store, ("cpu",))() is None
    assert run.status == "out_of_memory"
    assert "training needs about" in run.record.message


def test_the_default_run_is_not_refused() -> None:
    assert admission.refused(RunConfig(), "cpu", waits=False) == ""
