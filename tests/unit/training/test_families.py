"""Feed-forward networks and ResNets in the trainer that serves them all."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch

from core import presets
from core.catalogue.summary import summary_of
from core.config import RunConfig
from core.runs import Run, RunStore
from core.training import checkpoints
from core.training.control import NullControl
from core.training.objectives import task_of
from core.training.trainer import Trainer
from tests.loops import Script, losses, train

COMMON = {
    "model.width": 8,
    "training.batch_size": 8,
    "training.steps": 30,
    "training.evaluate_every": 10,
    "training.checkpoint_every": 10,
    "training.threads": 1,
    "training.device": "cpu",
    "probes.every": 5,
}
FAMILIES = {
    "characters": {"model.family": "mlp", "model.depth": 2, "model.context": 8},
    "pixels": {
        "model.family": "mlp",
        "model.depth": 2,
        "data.corpus": "digits",
        "model.dropout": 0.2,
    },
    "resnet": {
        "model.family": "resnet",
        "model.norm": "batch",
        "data.corpus": "digits",
        "model.blocks_per_stage": 1,
    },
    "groups": {
        "model.family": "resnet",
        "model.norm": "group",
        "data.corpus": "digits",
        "model.blocks_per_stage": 1,
        "model.residual": "off",
    },
}


def settings(name: str, **changes: object) -> RunConfig:
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    return RunConfig.from_flat({**COMMON, **FAMILIES[name], **dotted})


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """The run of a family's settings that nothing stopped, trained when it is first asked for."""
    return cache(lambda name: train(RunStore(tmp_path_factory.mktemp(name)), settings(name)))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_run_from_start_to_end(ended: Callable[[str], Run], name: str) -> None:
    run = ended(name)
    assert run.status == "finished"
    assert np.isfinite(losses(run)).all()
    assert losses(run)[-5:].mean() < losses(run)[:5].mean()
    names = run.metrics()
    blocks = run.config.model.blocks
    assert run.series("loss/validation")[0].tolist() == [0, 10, 20, 30]
    for metric in ("grad_norm/block", "update_ratio/block", "activation/rms/resid_post"):
        assert names[metric] == blocks
        assert (run.series(metric)[1] > 0).all()
    assert names["activation/rms/embed"] == names["activation/rms/logits"] == 0
    assert not any("attn" in metric for metric in names)
    assert len(run.snapshots) == 0
    kinds = {event["kind"] for event in run.events}
    text = name == "characters"
    assert ("sample" in kinds) == text
    assert bool(run.tokenizer) == text
    assert ("accuracy/validation" in names) == (not text)
    assert run.corpus["unit"] == ("character" if text else "image")


def test_metrics_of_a_resnet(ended: Callable[[str], Run]) -> None:
    run = ended("resnet")
    for group in ("conv1", "conv2", "norm"):
        assert run.series(f"grad_norm/{group}")[1].shape == (30, 4)
        assert (run.series(f"update_ratio/{group}")[1] > 0).all()
    shortcut = run.series("grad_norm/shortcut")[1]
    assert np.isnan(shortcut[:, 0]).all()  # the first stage changes no shape: nothing to train
    assert (shortcut[:, 1:] > 0).all()
    for observable in ("conv1.pre", "conv1.post", "conv2.out", "shortcut.out", "conv2.sum"):
        assert run.metrics()[f"activation/max/{observable}"] == 4
    shares = run.series("accuracy/validation")[1]
    assert ((shares >= 0) & (shares <= 1)).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_probes_and_evaluations_do_not_change_the_losses(store: RunStore, name: str) -> None:
    often = train(store, settings(name, probes__every=1, training__evaluate_every=1))
    never = train(store, settings(name, probes__every=0, training__evaluate_every=0))
    np.testing.assert_array_equal(losses(often), losses(never))
    # BatchNorm's running statistics neither: what the last evaluation sees is the same.
    final = [run.series("loss/validation")[1][-1] for run in (often, never)]
    assert final[0] == final[1]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("stop", [4, 17])
def test_a_stopped_run_resumes_exactly(
    store: RunStore, ended: Callable[[str], Run], name: str, stop: int
) -> None:
    whole = ended(name)
    run = train(store, settings(name), Script({stop: "stop"}))
    assert (run.status, run.record.step) == ("stopped", stop)
    Trainer(run, NullControl()).train()
    assert run.status == "finished"
    for metric in ("loss/train", "loss/validation", "grad_norm/block", "activation/rms/embed"):
        for mine, theirs in zip(run.series(metric), whole.series(metric), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_checkpoints_keep_running_statistics(store: RunStore) -> None:
    run = train(store, settings("resnet"))
    torch.manual_seed(99)
    model = task_of(run.config).build(run.config.model)
    before = model.norm.running_mean.clone()
    checkpoints.load_weights(run.path / "checkpoints", 30, model)
    assert not torch.equal(model.norm.running_mean, before)
    assert int(model.norm.num_batches_tracked) == 30


def test_statistics_of_feature_maps(store: RunStore) -> None:
    trainer = Trainer(store.create(settings("groups")), NullControl())
    with torch.no_grad():
        maps = trainer.state.model.eval().trace(trainer.task.probe)["blocks.2.conv1.post"].double()
    trainer.state.model.train()
    trainer.advance()
    trainer.flush()
    measured = {
        s: trainer.run.series(f"activation/{s}/blocks.2.conv1.post")[1][0] for s in ("rms", "dead")
    }
    assert measured["rms"] == pytest.approx(maps.square().mean().sqrt().item(), rel=1e-4)
    assert measured["dead"] == pytest.approx((maps == 0).all((0, 2, 3)).double().mean().item())


def test_families_share_their_windows() -> None:
    one = task_of(settings("characters")).batch(5)
    language = {**COMMON, "model.width": 8, "model.heads": 2, "model.context": 8}
    other = task_of(RunConfig.from_flat(language)).batch(5)
    assert torch.equal(one.inputs, other.inputs)
    assert torch.equal(one.targets, other.targets[:, -1])


def test_words_for_classes(store: RunStore) -> None:
    config = settings("pixels", optimizer__learning_rate=1e-9, training__steps=120)
    run = train(store, config)
    assert "the classes" in summary_of(run).verdict.sentence
    assert "letter" not in summary_of(run).verdict.sentence


def final_loss(config: RunConfig) -> float:
    """Mean of the last 30 training losses, by the plainest loop."""
    task = task_of(config)
    torch.manual_seed(config.training.seed)
    model = task.build(config.model)
    optimizer = torch.optim.AdamW(
        model.parameters(), config.optimizer.learning_rate, (0.9, 0.95), weight_decay=0
    )
    found = []
    for step in range(config.training.steps):
        inputs, targets = task.batch(step)
        loss = task.loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return float(np.mean(found[-30:]))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["mlp", "resnet"])
def test_add_decides_whether_a_deep_network_learns_digits(family: str) -> None:
    """The presets' final training losses with and without Add do not overlap over three seeds."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # a dying network's subnormals are slow
    ends: dict[str, list[float]] = {}
    for name, seed in itertools.product((f"{family}-digits", f"{family}-digits-plain"), range(3)):
        flat = presets.load(name).config.flat()
        config = RunConfig.from_flat({**flat, "training.seed": seed, "training.steps": 80})
        ends.setdefault(config.model.residual, []).append(final_loss(config))
    torch.set_flush_denormal(False)
    assert max(ends["on"]) < 0.5 * min(ends["off"]), ends
