"""A run that is taken up knows its switches and its fork, or says what is missing."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from core.catalogue import index
from core.jobs import forks
from core.runs import Run, RunError, RunStore
from core.runs.events import append_event
from core.runs.status import Order, Status
from core.training.control import NullControl
from core.training.trainer import Trainer
from tests.conftest import small
from tests.loops import Script, losses, train

SWITCHED = {12: Order("switch", "1: residual=off")}
STOPPED = {**SWITCHED, 24: "stop"}


def harm(path: Path, how: str) -> None:
    if how == "removed":
        path.unlink()
    elif how == "damaged":
        path.write_text('{"step"')
    elif how == "linked":
        path.unlink()
        path.symlink_to(path.parent / "nowhere")


@pytest.fixture
def stopped(store: RunStore) -> Run:
    run = store.create(small())
    Trainer(run, Script(STOPPED)).train()
    return run


@pytest.mark.parametrize("how", ["removed", "damaged", "linked"])
def test_switches_by_hand_are_brought_back_from_the_events(
    store: RunStore, stopped: Run, how: str
) -> None:
    whole = store.create(small())
    Trainer(whole, Script(SWITCHED)).train()
    harm(stopped.path / "switches.json", how)
    Trainer(Run(stopped.path), NullControl()).train()
    np.testing.assert_array_equal(losses(stopped), losses(whole))
    assert Run(stopped.path).switches == whole.switches
    assert (stopped.path / "switches.damaged").is_symlink() == (how == "linked")


def test_a_switch_that_no_event_describes_is_asked_for(stopped: Run) -> None:
    (stopped.path / "switches.json").unlink()
    events = stopped.path / "events.jsonl"
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    events.write_text("")
    for line in lines:
        append_event(events, {k: v for k, v in line.items() if k not in ("layers", "crc32")})
    with pytest.raises(RunError, match=r"rewired at step 12.*bring the file back"):
        Trainer(Run(stopped.path), NullControl())


def test_switches_that_a_fork_inherited_are_asked_for(store: RunStore, stopped: Run) -> None:
    point = forks.point(stopped, 20)  # after the switch of its parent
    fork = store.create(point.settings({}), "fork", point)
    Trainer(fork, Script({4: "stop"})).train()
    (fork.path / "switches.json").unlink()
    with pytest.raises(RunError, match=r"by a run that it was forked from.*bring the file back"):
        Trainer(Run(fork.path), NullControl())
    plain = train(store, small(), Script({24: "stop"}))
    early = forks.point(plain, 20)
    other = store.create(early.settings({"training.switches": "22/0: norm=rms"}), "early", early)
    Trainer(other, Script({4: "stop"})).train()
    assert not (other.path / "switches.json").exists()
    Trainer(Run(other.path), NullControl())


def test_scheduled_switches_need_no_file(store: RunStore) -> None:
    run = store.create(small(training__switches="12/0: norm=rms"))
    Trainer(run, Script({24: "stop"})).train()
    Trainer(Run(run.path), NullControl()).train()
    assert not (run.path / "switches.json").exists()


def test_a_fork_without_its_fork_json_does_not_go_on(store: RunStore, stopped: Run) -> None:
    point = forks.point(stopped, 20)
    fork = store.create(point.settings({}), "fork", point)
    Trainer(fork, Script({4: "stop"})).train()
    (fork.path / "fork.json").unlink()
    with pytest.raises(RunError, match=r"its fork.json is gone; bring it back"):
        Trainer(Run(fork.path), NullControl())


@pytest.mark.parametrize("how", ["removed", "folder", "pipe", "linked"])
def test_a_run_whose_settings_are_gone_is_told_in_every_list(store: RunStore, how: str) -> None:
    run = store.create(small(), "whole")
    bad = store.create(small(), "bad")
    bad.write_status(Status(state="stopped"))
    path = bad.path / "config.json"
    if how in ("removed", "linked"):
        harm(path, how)
    else:
        path.unlink()
        path.mkdir() if how == "folder" else os.mkfifo(path)
    assert [one.id for one in store.list()] == [run.id]
    assert list(store.unreadable()) == [bad.id]
    assert [entry.id for entry in index.entries(store)] == [run.id]
    assert list(index.problems(store)) == [bad.id]
    deleted = store.delete(bad.id)
    assert deleted is not None
    assert list(store.unreadable()) == []


@pytest.mark.parametrize("end", [".json", ".safetensors", ".state.safetensors"])
def test_a_pipe_in_the_place_of_a_checkpoint_is_not_waited_for(stopped: Run, end: str) -> None:
    path = stopped.path / "checkpoints" / f"step-000000024{end}"
    path.unlink()
    os.mkfifo(path)
    trainer = Trainer(Run(stopped.path), NullControl())
    assert trainer.state.step == 20, "the one before it"
