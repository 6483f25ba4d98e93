"""A runs folder whose workers are real processes, ended after the test."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.jobs.launcher import standby_lock
from core.runs import RunStore
from core.runs.locks import is_locked


def wait_until(true: Callable[[], object], seconds: float = 120) -> None:
    """Wait for something to happen, long enough for a busy machine; fails when it does not."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def pid_of(lock: Path) -> int:
    """Who holds a lock."""
    return int(lock.read_text())


@pytest.fixture
def farm(store: RunStore) -> Iterator[RunStore]:
    """A store whose workers and standby are ended after the test."""
    yield store
    locks = [run.path / "lock" for run in store.list()] + [standby_lock(store)]
    for lock in [*locks, standby_lock(store)]:  # a worker that ends may have made a successor
        if is_locked(lock):
            os.kill(pid_of(lock), signal.SIGKILL)


@contextmanager
def one_core() -> Iterator[None]:
    """One place: the processes that are started see one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
