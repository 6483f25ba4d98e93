"""Compiled steps: the same losses, one schedule, code that is kept; and eager where it can't be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from core.jobs import forks
from core.models import build_model
from core.runs import Run, RunError, RunStore
from core.runs.status import Status
from core.training import compile_worker, compiling, fast_path, worth
from core.training.ahead import Ahead
from core.training.compiling import Decision, Kind, Loss
from core.training.control import NullControl
from core.training.objectives import Batch
from core.training.trainer import Trainer
from tests.conftest import small
from tests.loops import Script, losses, train

CPU = torch.device("cpu")
needs_compiler = pytest.mark.skipif(
    bool(compiling.missing(CPU)), reason="there is no C++ compiler here"
)
TINY = {"training__steps": 50, "training__evaluate_every": 0}


def events(run: Run) -> list[tuple[int, bool]]:
    return [(e["step"], e["compiled"]) for e in run.events if e["kind"] == "compiled"]


def both(store: RunStore, **settings: object) -> tuple[np.ndarray, np.ndarray]:
    """Losses of the plain way and of the compiled one."""
    plain = small(**{**TINY, **settings}, training__compile="off", probes__every=0)
    fast = small(**{**TINY, **settings}, training__compile="on", probes__every=5)
    return losses(train(store, plain)), losses(train(store, fast))


@needs_compiler
@pytest.mark.parametrize(
    "wiring",
    [
        {"model__placement": "pre", "model__dropout": 0.2},
        {"model__placement": "post"},
        {"model__placement": "post", "model__scaling": "deepnorm"},
    ],
    ids=["pre with dropout", "post", "DeepNorm"],
)
def test_compiled_and_plain_steps_have_the_same_losses(store: RunStore, wiring: dict) -> None:
    plain, fast = both(store, **wiring)
    assert len(fast) == 50
    np.testing.assert_allclose(fast, plain, rtol=1e-5)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of compiled code the eager one, whose losses are told apart by a millionth.

    What a run makes of compiled code is the same with it, and costs no compiler.
    """

    def compiled(model: nn.Module, threads: int, device: torch.device) -> Loss:
        loss = compiling.eager(model)
        return lambda inputs, targets: loss(inputs, targets) * 1.000001

    monkeypatch.setattr(compiling, "compiled", compiled)
    monkeypatch.setattr(compiling, "missing", lambda device: "")


@pytest.fixture
def goes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of steps is known to be worth it, so that a run goes over at its first flush."""
    known = classmethod(lambda cls, kind: Decision(1.0, 0.1, 0.0))
    monkeypatch.setattr(Decision, "find", known)
    monkeypatch.setattr(worth, "WORTH_MEASURING", -1.0)


AUTO = {"training__compile": "auto", "model__dropout": 0.2}


def test_a_run_goes_over_at_a_step_that_is_kept_and_a_resumed_one_repeats_it(
    store: RunStore, goes_over: None, stand_in: None
) -> None:
    whole = train(store, small(**AUTO))
    ((step, on),) = whole.compiled.items()
    assert on
    assert 0 < step < 30
    assert events(whole) == [(step, True)]
    assert any("compiled from step" in e.get("text", "") for e in whole.events)
    kept = json.loads((whole.path / "compiled.json").read_text())
    assert kept == {"schema": 1, "steps": {str(step): True}}

    cut = train(store, small(**AUTO), Script({14: "stop"}))
    ((over, _),) = cut.compiled.items()
    assert cut.record.step == 14
    Trainer(cut, NullControl()).train()
    assert cut.compiled == {over: True}
    if over == step:  # a flush is a matter of time
        np.testing.assert_array_equal(losses(cut), losses(whole))


def test_a_resumed_run_is_eager_up_to_the_step_at_which_it_went_over(
    store: RunStore, stand_in: None
) -> None:
    """Resumed before that step and behind it, a run ends with the losses of one that never was."""
    ends = []
    for stops in ({}, {5: "stop"}, {20: "stop"}):
        run = store.create(small(**AUTO))
        run.add_compiled(12, True)
        Trainer(run, Script(stops)).train()
        if stops:
            assert run.status == "stopped"
            Trainer(run, NullControl()).train()
        ends.append(losses(run))
        assert run.compiled == {12: True}
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])
    plain = losses(train(store, small(**{**AUTO, "training__compile": "off"})))
    np.testing.assert_array_equal(ends[0][:12], plain[:12])
    assert (ends[0][12:] != plain[12:]).all()
    np.testing.assert_allclose(ends[0], plain, rtol=1e-4)


def test_a_fork_of_a_compiled_step_goes_on_compiled(store: RunStore, stand_in: None) -> None:
    run = store.create(small(**AUTO))
    run.add_compiled(25, True)
    Trainer(run, NullControl()).train()
    assert (forks.point(run, 20).compiled, forks.point(run, 30, 40).compiled) == (False, True)
    run = store.create(small(**AUTO))
    run.add_compiled(5, True)
    Trainer(run, NullControl()).train()
    start = forks.point(run, 20)
    fork = store.create(forks.settings(start, {}), "again", start)
    Trainer(fork, NullControl()).train()
    assert fork.compiled == {20: True}
    np.testing.assert_array_equal(losses(fork)[-10:], losses(run)[20:])


def test_a_rewired_network_is_trained_eagerly_again(store: RunStore, stand_in: None) -> None:
    run = store.create(small(**AUTO, training__switches="8/0: residual=off"))
    run.add_compiled(3, True)
    Trainer(run, NullControl()).train()
    assert run.status == "finished"
    assert run.compiled == {3: True, 8: False}
    assert events(run) == [(3, True), (8, False)]
    plain = train(
        store,
        small(**{**AUTO, "training__compile": "off"}, training__switches="8/0: residual=off"),
    )
    np.testing.assert_allclose(losses(run), losses(plain), rtol=1e-4)


@needs_compiler
def test_on_compiles_a_rewired_network_anew_and_checkpoints_keep_their_names(
    store: RunStore,
) -> None:
    from safetensors import safe_open

    settings = {"model__dropout": 0.2, "training__switches": "8/0: residual=off"}
    run = train(store, small(**settings, training__compile="on"))
    assert run.compiled == {0: True}
    assert events(run) == [(0, True), (8, True)]
    plain = train(store, small(**settings, training__compile="off"))
    np.testing.assert_allclose(losses(run), losses(plain), rtol=1e-5)
    names = []
    for one in (run, plain):
        last = max((one.path / "checkpoints").glob("step-*[0-9].safetensors"))
        with safe_open(last, "pt") as file:
            names.append(set(file.keys()))
    assert names[0] == names[1]


def test_short_runs_are_eager_and_nothing_is_measured(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(kind: Kind) -> None:
        raise AssertionError("a run of a second is not worth a measurement")

    monkeypatch.setattr(compile_worker, "start", refuse)
    monkeypatch.setattr(worth, "MEASURED_AFTER", 0.0)
    run = train(store, small())
    assert run.compiled == {}
    assert events(run) == []


class Asked:
    """In place of a worker: it has ended with a status once it was asked for it."""

    def __init__(self, status: int) -> None:
        self.status, self.killed = status, False

    def poll(self) -> int:
        return self.status

    def kill(self) -> None:
        self.killed = True

    def wait(self) -> int:
        return self.status


def test_a_long_run_has_its_steps_measured_once_and_goes_over_where_that_pays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[Asked] = []

    def start(steps: Kind) -> Asked:
        started.append(Asked(0))
        return started[-1]

    steps = kind(model__width=40)
    monkeypatch.setattr(compile_worker, "start", start)
    asked = worth.Worth()
    assert not asked.pays(1e6, lambda: steps)
    assert started == [], "the first seconds are those of runs that are only tried"
    monkeypatch.setattr(worth, "MEASURED_AFTER", 0.0)
    asked = worth.Worth()
    assert not asked.pays(100.0, lambda: steps), "too short to be measured"
    assert not asked.pays(200.0, lambda: steps)
    assert len(started) == 1
    Decision(1.0, 0.9, 4.0).keep(steps)  # 10 % less time, ready in 4 s
    assert not asked.pays(200.0, lambda: steps), "the step at which it ended goes on as before"
    assert asked.known(steps) == Decision(1.0, 0.9, 4.0)
    assert asked.pays(121.0, lambda: steps)
    assert not asked.pays(119.0, lambda: steps)
    other = kind(model__width=44)
    Decision(failed="no").keep(other)
    assert not asked.pays(1e6, lambda: other)
    assert len(started) == 1


@pytest.mark.parametrize(("status", "again"), [(compile_worker.BUSY, True), (-9, False)])
def test_a_measurement_that_did_not_come_to_an_end(
    monkeypatch: pytest.MonkeyPatch, status: int, again: bool
) -> None:
    started: list[Asked] = []

    def start(steps: Kind) -> Asked:
        started.append(Asked(status))
        return started[-1]

    monkeypatch.setattr(compile_worker, "start", start)
    monkeypatch.setattr(worth, "MEASURED_AFTER", 0.0)
    monkeypatch.setattr(worth, "ASKED_AGAIN", 0.0)
    asked, steps = worth.Worth(), kind(model__width=52)
    for _ in range(3):
        assert not asked.pays(1e6, lambda: steps)
    assert len(started) == (2 if again else 1)
    asked.end()
    assert all(one.killed for one in started[1:])


def kind(**settings: object) -> Kind:
    config = small(model__depth=1, **settings)
    return Kind.of(config, config.model, 30, ((4, 16), (4, 16)), CPU, 1)


@needs_compiler
def test_the_worker_measures_once_and_other_processes_find_its_decision_and_its_code() -> None:
    steps = kind(model__width=24)
    assert Decision.find(steps) is None
    # As quick as the tests beside it: on a busy machine a nice one waits for minutes.
    worker = compile_worker.start(steps, niceness=0)
    assert worker.wait(timeout=300) == 0
    found = Decision.find(steps)
    assert found is not None
    assert not found.failed
    assert found.eager > 0
    assert found.compiled > 0
    assert found.ready > 0
    assert Decision.find(kind(model__width=32)) is None
    counted = subprocess.run(
        [sys.executable, "-c", COUNT, json.dumps(steps.told())],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert counted.stdout.split() == ["0"], "nothing was compiled: it lay on the disk"


COUNT = """
import json, sys
from core.training import compile_worker, compiling
from core.training.compiling import Kind
kind = Kind.read(json.loads(sys.argv[1]))
compile_worker.time_to_ready(kind)
from torch._dynamo.utils import counters
print(counters["inductor"]["fxgraph_cache_miss"] + counters["aot_autograd"]["autograd_cache_miss"])
"""


def test_a_network_that_can_not_be_compiled_is_known_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(kind: Kind) -> tuple[float, float]:
        raise RuntimeError("no such kernel\nat line 1")

    monkeypatch.setattr(compile_worker, "measure", fails)
    decision = compile_worker.decide(kind())
    assert "no such kernel" in decision.failed
    assert decision.saved == 0
    decision.keep(kind())
    found = Decision.find(kind())
    assert found == decision


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema": 2}', '{"schema": 1, "eager": "x"}'])
def test_a_damaged_decision_is_none(text: str) -> None:
    steps = kind(model__width=48)
    Decision(1.0, 0.5, 1.0).keep(steps)
    file = compiling.code_folder() / "decisions" / f"{steps.key}.json"
    assert file.exists()
    file.write_text(text)
    assert Decision.find(steps) is None


def test_a_kind_is_what_decides_what_is_computed() -> None:
    assert Kind.read(json.loads(json.dumps(kind().told()))) == kind()
    others = [
        kind(model__placement="post"),
        kind(training__precision="bfloat16"),
        Kind.of(small(), small().model, 31, ((4, 16), (4, 16)), CPU, 1),
        Kind.of(small(), small().model, 30, ((2, 16), (2, 16)), CPU, 1),
        Kind.of(small(), small().model, 30, ((4, 16), (4, 16)), CPU, 2),
    ]
    assert len({one.key for one in [kind(), *others]}) == 6
    assert kind(training__seed=1).key == kind().key


def test_without_a_compiler_auto_is_eager_and_on_is_refused_with_a_sentence(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, goes_over: None
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    run = train(store, small())
    assert run.status == "finished"
    assert events(run) == []
    with pytest.raises(RunError, match=r"training\.compile: there is no C\+\+ compiler"):
        train(store, small(training__compile="on"))


def test_recomputed_activations_are_not_compiled(store: RunStore, goes_over: None) -> None:
    assert events(train(store, small(training__recompute=True))) == []
    with pytest.raises(ValueError, match="compile"):
        small(training__recompute=True, training__compile="on")


@needs_compiler
def test_compiling_leaves_no_trace(tmp_path: Path) -> None:
    config = small(model__dropout=0.3, model__depth=1)
    torch.manual_seed(0)
    model = build_model(config.model, 30)
    made = compiling.compiled(model, torch.get_num_threads(), CPU)
    before = torch.get_rng_state()
    batch = torch.zeros(4, 16, dtype=torch.int64), torch.zeros(4, 16, dtype=torch.int64)
    compiling.warm_up(made, model, batch, torch.autocast("cpu", enabled=False))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(p.grad is None for p in model.parameters())
    assert not any("_orig_mod" in name for name in model.state_dict())


def test_old_code_goes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADDNORM_CACHE", str(tmp_path))
    folder = tmp_path / "compiled" / "inductor" / "ab"
    folder.mkdir(parents=True)
    for i in range(4):
        (folder / f"{i}").write_bytes(bytes(100))
        os.utime(folder / f"{i}", (i, i))
    compiling.trim(250)
    assert sorted(p.name for p in folder.iterdir()) == ["2", "3"]


def test_batches_one_ahead_are_those_of_their_steps(store: RunStore) -> None:
    trainer = Trainer(store.create(small()), NullControl())
    ahead = Ahead(trainer.task.batch, pinned=False)
    for step in (0, 1, 2, 7, 8, 3):  # resumed runs begin anywhere
        made, plain = ahead(step), trainer.task.batch(step)
        assert torch.equal(made.inputs, plain.inputs)
        assert torch.equal(made.targets, plain.targets)
    ahead.end()

    def fails(step: int) -> Batch:
        if step == 2:
            raise OSError("the disk fails")
        return trainer.task.batch(step)

    broken = Ahead(fails, pinned=False)
    broken(0)
    broken(1)
    with pytest.raises(OSError, match="the disk fails"):
        broken(2)
    broken.end()


def test_a_run_says_what_computed_its_steps(store: RunStore) -> None:
    run = train(store, small(training__compile="off"))
    (machine,) = [e for e in run.events if e["kind"] == "machine"]
    assert machine["torch"] == torch.__version__
    assert machine["threads"] == 1
    assert (machine["precision"], machine["compile"], machine["steps"]) == (
        *("float32", "off", "eager"),
    )
    assert machine["processor"]


@pytest.mark.parametrize("has", [True, False])
def test_emulated_bfloat16_is_told(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, has: bool
) -> None:
    monkeypatch.setattr(fast_path, "has_bfloat16_instructions", lambda: has)
    run = train(store, small(training__precision="bfloat16", training__steps=2))
    assert run.status == "finished"
    assert ("emulates it" in run.record.message) is not has
    assert "emulates it" not in train(store, small(training__steps=2)).record.message


def test_who_waits_for_compiled_steps_is_told_so_until_they_are_there(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, stand_in: None
) -> None:
    seen, during = [], []
    run = store.create(small(training__compile="on", training__steps=3))
    trainer = Trainer(run, NullControl(), seen.append)
    warm_up = compiling.warm_up

    def slow(*told: Any) -> None:
        trainer.disk.settle()
        during.append(Status.read(run.path / "status.json"))
        warm_up(*told)

    monkeypatch.setattr(compiling, "warm_up", slow)
    trainer.train()
    (waits,) = during
    assert (waits.state, waits.step) == ("running", 0)
    assert "being compiled" in waits.message
    assert [one.message for one in seen if "being compiled" in one.message] == [waits.message]
    assert run.status == "finished"
    assert run.record.message == ""
