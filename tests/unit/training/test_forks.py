"""Forks: they go on exactly where another run was, need it no more, and refuse what can't be."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from core.__main__ import main
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.cli import train
from core.config import RunConfig, settings
from core.config.fork_point import ForkPoint, reshaped
from core.jobs import forks
from core.jobs.execute_run import work
from core.models import build_model
from core.runs import Run, RunError, RunStore
from core.runs.status import Order
from core.training.control import NullControl
from core.training.trainer import Trainer
from core.transfer.archive import import_runs, pack
from tests.conftest import small


class Orders(NullControl):
    """A control that gives one order when the trainer asks for the n-th time."""

    def __init__(self, at: int, order: Order) -> None:
        super().__init__(1)
        self._at, self._order = at, order

    def commands(self) -> list[Order]:
        self._at -= 1
        return [self._order] if self._at == -1 else []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with dropout that was rewired by schedule and by hand; checkpoints at 10, 20, 30."""
    store = RunStore(tmp_path_factory.mktemp("parent"))
    run = store.create(small(model__dropout=0.1, training__switches="5/0: norm=rms"), "parent")
    Trainer(run, Orders(8, Order("switch", "1: residual=off"))).train()
    return run


@pytest.fixture
def store(trained: Run, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    return RunStore(trained.path.parent)


def forked(store: RunStore, parent: Run, step: int | None = None, **changes: object) -> Run:
    """Trained to its end, without the queue."""
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    start = forks.point(parent, step, dotted.get("training.steps"))  # type: ignore[arg-type]
    run = store.create(forks.settings(start, dotted), fork=start)
    Trainer(run, NullControl()).train()
    return run


def from_step(run: Run, name: str, step: int) -> np.ndarray:
    steps, values = run.series(name)
    return values[steps >= step]


@pytest.mark.parametrize("step", [10, 20])
def test_without_changes_it_repeats_what_its_parent_did(
    trained: Run, store: RunStore, step: int
) -> None:
    if step == 10:  # thinned since; as it was while the parent trained
        whole, trained = trained, store.create(trained.config)
        for switch in whole.turned_by_hand:
            trained.add_switch(switch)
        Trainer(trained, Orders(12, Order("stop"))).train()
    else:
        whole = trained
    run = forked(store, trained, step)
    assert run.record.state == "finished"
    assert run.series("loss/train")[0].tolist() == list(range(step, 30))
    for name in ("loss/train", "loss/validation", "grad_norm/block", "activation/rms/resid_post"):
        np.testing.assert_array_equal(
            from_step(run, name, step), from_step(whole, name, step), err_msg=name
        )
    fork = run.fork
    assert fork is not None
    assert (fork.run, fork.step, run.first_step) == (trained.id, step, step)
    told = [e for e in run.events if e["kind"] == "fork"]
    assert [(e["step"], e["text"]) for e in told] == [
        (step, f"forked from {fork.name} at step {step}.")
    ]


def test_deleting_the_parent_loses_nothing(trained: Run, store: RunStore) -> None:
    parent = store.create(trained.config, "gone")
    Trainer(parent, Orders(8, Order("switch", "1: residual=off"))).train()
    start = forks.point(parent)
    assert start.step == 20  # the newest that leaves something to train
    run = store.create(parent.config, fork=start)
    expected = from_step(parent, "loss/train", 20)
    assert run.turned_by_hand == parent.turned_by_hand
    store.delete(parent.id, now=True)
    assert run.status == "queued"
    assert (run.record.step, run.record.steps) == (20, 30)
    Trainer(run, NullControl()).train()
    np.testing.assert_array_equal(run.series("loss/train")[1], expected)
    assert run.name.endswith(", from step 20 of gone")


def test_resumed_before_its_own_checkpoint_it_goes_on_from_the_copied_one(
    trained: Run, store: RunStore
) -> None:
    whole = forked(store, trained, 20, optimizer__learning_rate=5e-3, model__placement="post")
    start = whole.fork
    assert start is not None
    run = store.create(whole.config, fork=start)
    trainer = Trainer(run, NullControl())
    for _ in range(3):
        trainer.advance()
    trainer.flush()
    trainer.log.close()  # as a kill leaves it
    assert run.resumes_at == 20
    Trainer(run, NullControl()).train()
    np.testing.assert_array_equal(run.series("loss/train")[1], whole.series("loss/train")[1])


CHANGES = {
    "optimizer.learning_rate": 1e-2,
    "optimizer.clip": 0.5,
    "training.batch_size": 8,
    "model.placement": "post",
    "model.norm": "rms",
    "model.residual": "off",
    "model.scaling": "layerscale",
    "model.positions": "rotary",
    "model.activation": "swiglu",
    "training.seed": 5,
}


@pytest.mark.parametrize("dotted", CHANGES)
def test_what_may_change_takes_effect_from_its_first_step(
    trained: Run, store: RunStore, dotted: str
) -> None:
    run = forked(store, trained, 20, **{dotted: CHANGES[dotted]})
    assert run.record.state == "finished"
    losses, before = run.series("loss/train")[1], from_step(trained, "loss/train", 20)
    assert np.isfinite(losses).all()
    assert (losses != before).any()
    same_first = dotted.startswith("optimizer.")
    assert (losses[0] == before[0]) == same_first  # the rate changes only what follows
    # The checkpoint that it starts at is still its parent's network.
    LoadedCheckpoint(run, 20)
    LoadedCheckpoint(run, 30)


def test_another_schedule_counts_steps_from_its_parents_start(
    trained: Run, store: RunStore
) -> None:
    run = forked(store, trained, 20, optimizer__schedule="cosine", training__steps=40)
    steps, rates = run.series("learning_rate")
    assert steps.tolist() == list(range(20, 40))
    assert rates[0] == pytest.approx(1e-3 * (0.1 + 0.9 * 0.5), rel=1e-5)


def test_a_fork_of_a_fork_knows_where_both_began(trained: Run, store: RunStore) -> None:
    first = forked(store, trained, 20, training__steps=40)
    second = forked(store, first, 30, training__steps=40)
    fork = second.fork
    assert fork is not None
    assert fork.parent is not None
    assert (fork.run, fork.first.run, fork.first.step) == (first.id, trained.id, 20)
    assert ", from" not in fork.name, "a name that grows with every fork"
    np.testing.assert_array_equal(
        second.series("loss/train")[1], from_step(first, "loss/train", 30)
    )


REFUSED = {
    "model.width": 32,
    "model.heads": 4,
    "model.depth": 3,
    "model.context": 8,
    "model.feedforward_width": 20,
    "model.tie_embeddings": True,
    "model.family": "mlp",
    "data.corpus": "repeat",
    "training.steps": 20,
}


@pytest.mark.parametrize("dotted", REFUSED)
def test_what_changes_shapes_is_refused_by_name(trained: Run, store: RunStore, dotted: str) -> None:
    before = len(store.list())
    with pytest.raises(RunError) as told:
        forks.fork(store, trained, 20, {dotted: REFUSED[dotted]})
    assert str(told.value).startswith(dotted)
    assert "accepted" in str(told.value)
    assert "\n" not in str(told.value)
    assert len(store.list()) == before


def test_the_steps_that_can_be_forked_are_named(
    trained: Run, store: RunStore, tmp_path: Path
) -> None:
    for step, why in ((10, "thinned"), (15, "no checkpoint of step 15")):
        with pytest.raises(RunError, match=rf"{why}.*accepted: 20, 30"):
            forks.point(trained, step)
    damaged = forked(store, trained, 20)
    weights = damaged.path / "checkpoints" / "step-000000020.safetensors"
    own = weights.read_bytes()
    weights.unlink()  # the parent's is the same file on the disk
    weights.write_bytes(own[:-1] + bytes([own[-1] ^ 1]))
    with pytest.raises(RunError, match=r"checksum differs; accepted: 30$"):
        forks.point(damaged, 20)
    about = damaged.path / "checkpoints" / "step-000000030.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "schema": 2}))
    with pytest.raises(RunError, match=r"schema 2.*no checkpoint that can be forked"):
        forks.point(damaged, 30)
    assert forks.point(trained, 20).step == 20


def test_a_fork_whose_copy_is_damaged_says_so_instead_of_starting_at_0(
    trained: Run, store: RunStore
) -> None:
    run = store.create(trained.config, fork=forks.point(trained, 20))
    weights = run.path / "checkpoints" / "step-000000020.safetensors"
    weights.unlink()
    weights.write_bytes(b"")
    work(run, NullControl())  # type: ignore[arg-type]
    assert run.status == "failed"
    assert "fork parent again" in run.record.message
    assert not run.metrics()


def test_without_hard_links_it_is_copied(
    trained: Run, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "not here")

    monkeypatch.setattr(os, "link", refused)
    run = forked(store, trained, 20)
    np.testing.assert_array_equal(run.series("loss/train")[1], from_step(trained, "loss/train", 20))


def test_what_the_rule_lets_pass_keeps_every_shape() -> None:
    """Of every choice of the network beside every other: trained tensors keep their shapes."""
    words = {
        "model.positions": ("sinusoidal", "learned", "rotary", "alibi", "none"),
        "model.qk_norm": ("off", "head", "width"),
        "model.activation": ("relu", "gelu", "swiglu"),
        "model.sublayers": ("both", "attention", "feedforward"),
        "model.bias": (True, False),
        "model.head_bias": (True, False),
        "model.embedding_norm": (True, False),
        "model.final_norm": ("on", "off"),
        "model.value_residual": (True, False),
        "model.tie_embeddings": (True, False),
        "model.context": (16, 8),
        "model.width": (16, 32),
        "model.heads": (2, 4),
        "model.feedforward_width": ("auto", 64, 20),
        "model.depth": (2, 3),
        "model.init": ("xavier", "gpt2"),
    }
    assert words.keys() <= settings().keys()
    for dotted, values in words.items():
        for before in values:
            for after in values:
                old, new = (small(**{dotted: one}) for one in (before, after))
                shapes = [_shapes(config) for config in (old, new)]
                both = shapes[0].keys() & shapes[1].keys()
                moved = any(shapes[0][name] != shapes[1][name] for name in both)
                if moved:
                    assert [*reshaped(old, new)], (dotted, before, after)
                if before == after:
                    assert not [*reshaped(old, new)]


def _shapes(config: RunConfig) -> dict[str, torch.Size]:
    return {n: p.shape for n, p in build_model(config.model, 20).named_parameters()}


def test_what_fork_json_says_survives_a_round_trip(trained: Run) -> None:
    point = forks.point(trained, 20)
    assert ForkPoint.model_validate_json(point.model_dump_json(by_alias=True)) == point
    assert point.seconds > 0


def test_the_command_line_trains_a_fork_with_its_parents_settings(
    trained: Run,
    store: RunStore,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(train, "revive", lambda store: None)
    where = ["--runs-dir", str(store.root), "--fork", f"{trained.id}@20"]
    assert main(["train", *where, "--optimizer.learning_rate", "0"]) == 2
    assert "optimizer.learning_rate" in capsys.readouterr().err
    for words, said in (
        (["--model.width", "32"], "model.width: 32 would give trained tensors another shape"),
        (["--preset", "pre-ln-lives"], "preset: a fork has the settings of parent"),
        (["--steps", "20"], "training.steps: 20 leaves nothing to train after step 20 of parent"),
        (["--fork", "nobody"], "fork: there is no run 'nobody'"),
        (["--fork", f"{trained.id}@x"], "fork: 'x' is not a step; accepted: RUN or RUN@STEP"),
        (["--fork", f"{trained.id}@10"], "accepted: 20, 30"),
    ):
        assert main(["train", *where, *words]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert main(["train", *where, "--optimizer.learning_rate", "1e-2"]) == 0
    run = store.open(capsys.readouterr().out.strip())
    assert run.config.model == trained.config.model
    assert run.config.optimizer.learning_rate == 0.01
    assert (run.first_step, run.series("loss/train")[0][0]) == (20, 20)


def test_a_fork_moves_without_its_parent_and_says_where_it_came_from(
    trained: Run, store: RunStore, tmp_path: Path
) -> None:
    run = store.create(trained.config, fork=forks.point(trained, 20))
    path = pack([run], tmp_path / "fork.zip")
    elsewhere = RunStore(tmp_path / "elsewhere")
    [moved] = import_runs(elsewhere, path)
    assert moved.fork == run.fork
    assert moved.name.endswith("from step 20 of parent")
    Trainer(moved, NullControl()).train()
    np.testing.assert_array_equal(
        moved.series("loss/train")[1], from_step(trained, "loss/train", 20)
    )
    # Its parent comes under another id, and it follows.
    both = pack([trained, run], tmp_path / "both.zip")
    trained.add_event("note", 3, text="went on")
    run.add_event("note", 3, text="went on")
    parent, child = import_runs(store, both)
    assert child.fork is not None
    assert child.fork.run == parent.id == f"{trained.id}-2"


def test_when_the_parent_is_gone_another_fork_of_it_has_the_checkpoint(
    trained: Run, store: RunStore
) -> None:
    start = forks.point(trained, 20)
    first = store.create(trained.config, fork=start)
    gone = start.model_copy(update={"run": "20200101-000000000-gone-0000"})
    with pytest.raises(RunError, match="is there no more"):
        store.create(trained.config, fork=gone)
    (first.path / "fork.json").write_text(gone.model_dump_json(by_alias=True))
    second = store.create(trained.config, fork=gone)
    Trainer(second, NullControl()).train()
    np.testing.assert_array_equal(
        second.series("loss/train")[1], from_step(trained, "loss/train", 20)
    )
