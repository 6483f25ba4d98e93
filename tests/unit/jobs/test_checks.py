"""Checks of claims in the background: asked, done, cancelled, failed, and their process killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from core.evidence import kept, named
from core.jobs import check_worker, checks, inspections, processes
from core.jobs.check_worker import Checker
from core.jobs.checks import Asked, ask, check_queue
from core.jobs.inspections import Record
from core.runs import RunError, RunStore
from core.runs.locks import is_locked
from tests.farm import wait_until

(ONE,) = named(["one-token"])


@pytest.fixture
def farm(store: RunStore) -> Iterator[RunStore]:
    """A store whose checking process is ended after the test."""
    yield store
    lock = processes.CHECKS.lock(store.root)
    if is_locked(lock):
        os.kill(int(lock.read_text()), signal.SIGKILL)


@pytest.fixture
def alone(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Checker:
    """What would be done by a process is done here, when a test says so."""
    monkeypatch.setattr(checks, "ensure", lambda service, root: None)
    store.root.mkdir()
    return Checker(store)


def state(store: RunStore) -> Record:
    record = Asked(store.root, ONE.name).record
    assert record is not None
    return record


def test_a_claim_is_measured_by_a_process_of_its_own(farm: RunStore) -> None:
    assert Asked(farm.root, ONE.name).record is None
    asked = ask(farm, ONE)
    assert asked.under_way
    wait_until(lambda: not asked.under_way)
    assert state(farm) == Record("done", 1.0)
    record = kept.here(farm.root, ONE)
    assert record is not None
    assert record.verdict == "shown"
    assert check_queue(farm.root).waiting() == []


def test_it_is_measured_anew_each_time_it_is_asked(store: RunStore, alone: Checker) -> None:
    for _ in range(2):
        ask(store, ONE)
        assert check_queue(store.root).waiting() == [ONE.name]
        assert alone.take_one()
        path = kept.folder(store.root) / f"{ONE.name}.json"
        assert state(store).state == "done"
        path.unlink()
    assert alone.take_one() is None


def test_one_that_waits_is_not_asked_twice_and_can_be_taken_back(
    store: RunStore, alone: Checker
) -> None:
    ask(store, ONE)
    asked = ask(store, ONE)
    assert len(check_queue(store.root).waiting()) == 1
    asked.cancel()
    assert state(store).state == "cancelled"
    assert check_queue(store.root).waiting() == []
    assert ask(store, ONE).under_way, "and be asked again"
    assert alone.take_one()
    assert state(store).state == "done"


def test_one_at_work_stops_at_its_next_report(
    store: RunStore, alone: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(claim: Any, store: RunStore, report: Any, again: bool) -> None:
        report(0.5, "half")
        assert state(store) == Record("working", 0.5, "half")
        Asked(store.root, ONE.name).cancel()
        report(0.6, "more")
        raise AssertionError("it went on")

    monkeypatch.setattr(check_worker, "answer", slow)
    ask(store, ONE)
    alone.take_one()
    assert state(store).state == "cancelled"


def test_a_failure_is_one_sentence(
    store: RunStore, alone: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RunError("tiny-shakespeare can't be downloaded; connect to the network")

    monkeypatch.setattr(check_worker, "answer", fails)
    ask(store, ONE)
    alone.take_one()
    assert state(store).state == "failed"
    assert state(store).message == "tiny-shakespeare can't be downloaded; connect to the network"


def test_a_process_that_died_is_told_and_one_that_waits_gets_another(
    store: RunStore, alone: Checker
) -> None:
    asked = ask(store, ONE)
    asked.write(Record("working", 0.3, "half"))
    assert state(store) == Record("failed", 0.3, checks.MEASURE_AGAIN)
    assert not asked.under_way
    asked = ask(store, ONE)
    check_queue(store.root).forget(ONE.name)
    assert asked.under_way, "looking puts its marker back"
    assert check_queue(store.root).waiting() == [ONE.name]


def test_a_folder_that_cannot_be_written_is_a_sentence(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inspections, "write_state", full)
    with pytest.raises(RunError, match="No space left on device; free some room"):
        ask(store, ONE)
    assert Asked(store.root, ONE.name).record is None
