"""Out of memory in mid-run: by the allocator's word or by the kernel's hand, one state."""

from __future__ import annotations

import gc
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from core.catalogue.summary import summary_of
from core.files import read_json
from core.jobs.execute_run import FileControl, warm, work
from core.jobs.slots import Slot
from core.jobs.training_worker import TrainingWorker
from core.runs import Run, RunStore, Status
from core.runs.status import RESUMABLE
from core.training.control import NullControl
from core.training.devices import is_out_of_memory
from core.training.trainer import Trainer
from tests.conftest import small

# A step of it keeps some 950 MB: more than what a process that ran many tests has at hand.
LARGE = {
    **{"model__depth": 4, "model__width": 32, "model__context": 128, "training__batch_size": 768},
    **{"training__steps": 1, "training__evaluate_every": 0, "probes__every": 0},
}


@contextmanager
def no_more_than(megabytes: int) -> Iterator[None]:
    """So much more address space for this process: PyTorch's allocator is then really refused."""
    warm()  # as a worker has: what is imported late would get no memory either
    gc.collect()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def trained(run: Run) -> str:
    slot, lock = Slot("cpu"), run.lock()
    assert lock.acquire()
    slot.enter(wait=False)
    try:
        return work(run, FileControl(run, slot))
    finally:
        slot.leave()
        lock.release()


def test_a_step_that_gets_no_memory_ends_with_advice_and_can_be_resumed(store: RunStore) -> None:
    run = store.create(small(**LARGE))
    with no_more_than(40):
        assert trained(run) == "out_of_memory"
    record = run.record
    assert (record.state, record.step) == ("out_of_memory", 0)
    assert record.message.startswith("training needs about")
    assert "are free by now: resume it, or" in record.message
    assert "Allocator" not in record.message
    found = summary_of(run)
    assert (found.words, found.verdict.kind) == ("out of memory at step 0", "out_of_memory")
    assert "ran out of memory: training needs about" in found.verdict.sentence
    assert trained(run) == "finished"


def test_a_network_of_terabytes_ends_with_the_sentence(store: RunStore) -> None:
    run = store.create(small(model__width=16384, model__depth=128))
    with no_more_than(500):
        assert trained(run) == "out_of_memory"
    assert re.fullmatch(
        r"training needs about [\d.]+ TB of memory, and [\d.]+ GB are free: no batch of it fits;"
        " lower model.context, model.depth or model.width",
        run.record.message,
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (np._core._exceptions._ArrayMemoryError((10**9,), np.dtype(float)), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("[enforce fail at x.cpp:1] . DefaultCPUAllocator: can't allocate"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (OSError(28, "No space left on device"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("not enough memory of what was said"), False),
    ],
)
def test_which_errors_mean_it(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def killed(store: RunStore, counter: Path, **more: object) -> Run:
    """A run whose worker is gone; `counter` had counted no kill when it was last heard of."""
    run = store.create(small())
    state = {"state": "running", "step": 12, "steps": 30, "pid": 2**22 + 1, **more}
    run.write_status(Status(**state, oom_kills={str(counter): 0}))  # type: ignore[arg-type]
    return run


def test_a_worker_that_the_kernel_killed(store: RunStore, tmp_path: Path) -> None:
    counter = tmp_path / "memory.events"
    counter.write_text("oom 1\noom_kill 1\n")
    run = killed(store, counter)
    assert run.status == "out_of_memory"
    message = run.record.message
    assert message.startswith("the kernel killed its process for want of memory; training needs")
    assert message.endswith(
        "has no checkpoint yet: it starts again at step 0 and its 12 steps are drawn anew"
    )
    counter.unlink()  # a group ends with its last process
    kept = read_json(run.path / "status.json")
    assert (kept["state"], kept["message"], kept["step"]) == ("out_of_memory", message, 12)
    assert store.open(run.id).status == "out_of_memory"
    assert "out_of_memory" in RESUMABLE


def test_the_standby_notices_while_the_kernel_still_tells(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.training_worker.LOOK_SECONDS", 0)
    counter = tmp_path / "memory.events"
    counter.write_text("oom_kill 0\n")
    run, standby = killed(store, counter), TrainingWorker(store)
    lock = run.lock()
    assert lock.acquire()
    assert standby._busy()
    counter.write_text("oom_kill 1\n")
    lock.release()
    assert not standby._busy()
    counter.unlink()
    assert run.status == "out_of_memory"


def test_a_worker_that_was_cut_off_is_not_taken_for_one_later(
    store: RunStore, tmp_path: Path
) -> None:
    counter = tmp_path / "memory.events"
    counter.write_text("oom_kill 0\n")
    run = killed(store, counter)
    assert run.status == "interrupted"
    assert read_json(run.path / "status.json")["state"] == "running"  # as it was heard of last
    counter.write_text("oom_kill 1\n")  # of another process, after somebody has looked
    assert run.status == "interrupted"


def test_a_run_that_was_taken_up_meanwhile_keeps_its_state(store: RunStore, tmp_path: Path) -> None:
    run = killed(store, tmp_path / "none")
    lock = run.lock()
    assert lock.acquire()
    assert run.status == "running"
    lock.release()
    assert run.status == "interrupted"


def test_a_live_run_writes_the_counters_down(store: RunStore) -> None:
    run = store.create(small(training__steps=1))
    Trainer(run, NullControl()).train()
    assert Status.read(run.path / "status.json").oom_kills.keys() >= {"/proc/vmstat"}
