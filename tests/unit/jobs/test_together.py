"""Runs whose processes are started by the run itself, or by torchrun: lost ones, and going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.__main__ import main
from core.jobs.execute_run import work
from core.jobs.processes import service_environment
from core.runs import Run, RunStore
from core.runs.status import Order
from core.training.control import NullControl
from tests.conftest import SMALL, small
from tests.loops import losses, train

ROOT = Path(__file__).resolve().parents[3]
STEPS = 100
CHANGES = {
    "training.steps": STEPS,
    "training.evaluate_every": 0,
    "training.checkpoint_every": 10,
    "optimizer.learning_rate": 1e-4,
}


def children(parent: int) -> Iterator[int]:
    """The processes that a process started."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                yield int(path.parent.name)
        except (OSError, IndexError):
            continue


class Killing(NullControl):
    """Kills the other rank when the trainer asks for the n-th time."""

    def __init__(self, at: int) -> None:
        super().__init__(1)
        self._left = at

    def commands(self) -> list[Order]:
        self._left -= 1
        if self._left == 0:
            for child in children(os.getpid()):
                if b"core.jobs.follower" in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(child, signal.SIGKILL)
        return []


def test_a_killed_process_ends_the_run_and_it_goes_on_with_another_number(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    config = small(
        **{n.replace(".", "__"): v for n, v in CHANGES.items()},
        training__devices=2,
        training__sharding="fsdp",
    )
    run = store.create(config)
    lock = run.lock()
    assert lock.acquire()
    state = work(run, Killing(31))  # type: ignore[arg-type]
    lock.release()
    assert state == "failed"
    assert "process 1 of those that train it was killed (signal 9); resume goes on" in (
        run.record.message
    )
    assert run.resumable[-1] in (20, 30)
    assert [event["ranks"] for event in run.events if event["kind"] == "ranks"] == [2]
    assert main(["train", "--resume", run.id, "--devices", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "finished"
    alone = train(store, small(**{n.replace(".", "__"): v for n, v in CHANGES.items()}))
    np.testing.assert_allclose(losses(run), losses(alone), rtol=1e-5)


def test_torchrun_restarts_a_killed_rank_and_the_losses_are_the_same(store: RunStore) -> None:
    values = {**SMALL, **CHANGES, "training.sharding": "ddp"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "--max-restarts", "1", "-m", "core", "train", "--json"]
    for name, value in values.items():
        command += [f"--{name}", str(value)]
    agent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        run = begun(store)
        killed = next(one for one in children(agent.pid) if rank_of(one) == 1)
        os.kill(killed, signal.SIGKILL)
        out, _ = agent.communicate(timeout=600)
    finally:
        agent.kill()
        agent.wait()
    assert agent.returncode == 0
    assert json.loads(out.splitlines()[-1])["id"] == run.id
    assert [one.id for one in store.list()] == [run.id]
    assert run.status == "finished"
    starts = [event["step"] for event in run.events if event["kind"] == "start"]
    assert len(starts) == 2
    assert starts[0] == 0 < starts[1] < STEPS
    alone = train(store, small(**{n.replace(".", "__"): v for n, v in CHANGES.items()}))
    np.testing.assert_allclose(losses(run), losses(alone), rtol=1e-5)


def begun(store: RunStore) -> Run:
    """The run of the folder, once it has a checkpoint."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        for run in store.list():
            if run.checkpoints:
                return run
        time.sleep(0.02)
    raise AssertionError("no checkpoint was written")


def rank_of(process: int) -> int:
    """Which rank torchrun made a process."""
    environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    return next((int(one[5:]) for one in environment if one.startswith(b"RANK=")), -1)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["train", *arguments]) == 2
    return capsys.readouterr().err


def test_what_torchrun_and_the_settings_say_has_to_agree(
    store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    assert "torchrun started 2 processes; accepted: 2" in refused(capsys, "--devices", "3")
    assert "2 does not divide training.batch_size 5" in refused(
        capsys, "--training.batch_size", "5"
    )
    assert not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} & service_environment().keys()
    monkeypatch.setenv("WORLD_SIZE", "two")
    assert "each has to be a whole number; start it with torchrun" in refused(capsys)
    assert store.list() == []


def test_a_resumed_run_keeps_its_settings(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(store, small(training__steps=2))
    for words, sentence in {
        ("--steps", "5"): "resume: a run goes on with its own settings, without training.steps",
        ("--fork", run.id): "without fork",
        ("--devices", "many"): "training.devices: 'many' is none; accepted: 1 to 1024",
        ("--devices", "2"): "is finished; only one that waits, was stopped or interrupted",
    }.items():
        assert sentence in refused(capsys, "--resume", run.id, *words)
    assert "there is no run 'nobody'" in refused(capsys, "--resume", "nobody")
