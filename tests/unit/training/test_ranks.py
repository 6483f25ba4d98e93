"""A run that two processes train is the run that one trains: losses, norms, probes, checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from core.config import RunConfig, explain
from core.runs import Run, RunError, RunStore
from core.runs.status import Order
from core.training.control import NullControl
from core.training.ranks import Ranks, Verb
from core.training.sharding import How
from core.training.trainer import Trainer
from tests.conftest import small
from tests.loops import Script, losses, train
from tests.second_rank import SecondRank

STEPS = 50
LONG = {
    "model.depth": 3,
    "training.batch_size": 8,
    "training.steps": STEPS,
    "training.evaluate_every": 25,
    "training.checkpoint_every": 20,
    "probes.every": 10,
    # AdamW blows up what rounding leaves of a gradient that is zero: slow enough not to see it.
    "optimizer.learning_rate": 1e-4,
}
BARE = {"model.placement": "none", "model.norm": "none", "model.scaling": "rezero"}
NETWORKS: dict[str, tuple[How, dict[str, object]]] = {
    "pre, clipped": (
        "ddp",
        {
            **{"optimizer.clip": 0.5, "training.accumulate": 2},
            **{"probes.noise_every": 25, "probes.hessian_every": 25},
        },
    ),
    "sharded, clipped": ("fsdp", {"optimizer.clip": 0.5, "training.accumulate": 2}),
    "one α, tied": ("fsdp", {**BARE, "model.tie_embeddings": True}),
    "post, profiled": ("ddp", {"model.placement": "post", "model.scaling": "admin"}),
    "shared values, again": (
        "fsdp",
        {"model.value_residual": True, "model.positions": "rotary", "training.recompute": True},
    ),
    "rewired": ("ddp", {"training.switches": "20/1: residual=off"}),
    "sharded and rewired": ("fsdp", {"training.switches": "20/1: norm=rms"}),
    "mlp": ("fsdp", {"model.family": "mlp", "model.heads": 4}),
    "resnet": (
        "ddp",
        {
            **{"model.family": "resnet", "data.corpus": "digits", "model.norm": "group"},
            **{"model.blocks_per_stage": 1, "model.width": 8, "model.depth": 6},
            **{"model.heads": 4, "model.context": 64},
        },
    ),
}


def settings(network: dict[str, object], **changes: object) -> RunConfig:
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return RunConfig.from_flat({**small().flat(), **LONG, **network, **dotted})


@pytest.fixture(scope="module")
def second() -> Iterator[SecondRank]:
    other = SecondRank()
    yield other
    other.end()


def both(store: RunStore, second: SecondRank, config: RunConfig, how: How, **more: object) -> Run:
    run = store.create(config)
    second.train(run, how, **more)  # type: ignore[arg-type]
    return run


def close(one: Run, other: Run, name: str, rtol: float) -> None:
    np.testing.assert_allclose(losses(one, name), losses(other, name), rtol=rtol, atol=1e-30)


@pytest.mark.parametrize("name", NETWORKS)
def test_two_processes_have_the_losses_of_one(
    store: RunStore, second: SecondRank, name: str
) -> None:
    how, network = NETWORKS[name]
    alone, run = train(store, settings(network)), both(store, second, settings(network), how)
    assert run.status == "finished"
    for metric in ("loss/train", "loss/validation"):
        close(run, alone, metric, 1e-5)
    np.testing.assert_array_equal(losses(run, "loss/unigram"), losses(alone, "loss/unigram"))
    assert run.metrics() == alone.metrics()
    for metric in alone.metrics():
        if metric.startswith("grad_norm/"):
            np.testing.assert_allclose(
                losses(run, metric)[0], losses(alone, metric)[0], rtol=1e-5, atol=1e-12
            )
        elif metric.startswith(
            ("update_ratio/", "hessian/", "gradient_noise/", "activation/rms", "attention/")
        ):
            np.testing.assert_allclose(
                losses(run, metric)[0], losses(alone, metric)[0], rtol=1e-3, atol=1e-6
            )
    told = [event for event in run.events if event["kind"] == "ranks"]
    assert [(e["ranks"], e["backend"], e["sharding"]) for e in told] == [(2, "gloo", how)]


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_norms_of_layers_are_those_of_the_whole_batch_at_every_step(
    store: RunStore, second: SecondRank, how: How
) -> None:
    config = settings({}, training__steps=10)
    alone, run = train(store, config), both(store, second, config, how)
    for metric in (name for name in alone.metrics() if name.startswith("grad_norm/")):
        close(run, alone, metric, 1e-4)
    for metric in (name for name in alone.metrics() if name.startswith("update_ratio/")):
        np.testing.assert_allclose(losses(run, metric), losses(alone, metric), rtol=1e-3)


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_commands_reach_all_and_one_process_goes_on(
    store: RunStore, second: SecondRank, how: How
) -> None:
    """Pause, step, resume, switch and stop; then the rest by one process, and by two again."""
    orders = {
        **{5: "pause", 7: "step", 9: "resume", 12: Order("switch", "1: residual=off")},
        30: "stop",
    }
    config = settings({})
    alone = train(store, config, Script(orders))  # type: ignore[arg-type]
    control = Script(orders)  # type: ignore[arg-type]
    run = both(store, second, config, how, control=control)
    assert (alone.status, run.status) == ("stopped", "stopped")
    assert control.left == 2
    assert run.checkpoints == alone.checkpoints
    assert [s.words for s in run.turned_by_hand] == [s.words for s in alone.turned_by_hand]
    Trainer(alone, NullControl()).train()
    Trainer(run, NullControl()).train()
    close(run, alone, "loss/train", 1e-5)


def test_two_processes_go_on_from_what_one_wrote(store: RunStore, second: SecondRank) -> None:
    config = settings({})
    alone = train(store, config)
    run = train(store, config, Script({25: "stop"}))
    second.train(run, "fsdp")
    close(run, alone, "loss/train", 1e-5)


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_a_resumed_run_of_two_is_the_uninterrupted_one_with_dropout(
    store: RunStore, second: SecondRank, how: How
) -> None:
    config = settings({"model.dropout": 0.2}, training__steps=20)
    whole = both(store, second, config, how)
    parts = both(store, second, config, how, control=Script({12: "stop"}))
    second.train(parts, how)
    np.testing.assert_array_equal(losses(parts), losses(whole))
    other = train(store, config)
    assert not np.allclose(losses(other)[:5], losses(whole)[:5], rtol=1e-6)  # other masks


def test_a_checkpoint_of_two_has_the_files_and_tensors_of_one(
    store: RunStore, second: SecondRank
) -> None:
    from safetensors.torch import load_file

    config = settings({}, training__steps=5)
    alone, run = train(store, config), both(store, second, config, "fsdp")
    for suffix in (".safetensors", ".state.safetensors"):
        files = [one.path / "checkpoints" / f"step-000000005{suffix}" for one in (alone, run)]
        whole, gathered = (load_file(file) for file in files)
        assert set(gathered) - set(whole) <= {"random.cpu.1"}
        for name, tensor in whole.items():
            assert gathered[name].shape == tensor.shape
            # Keys' biases have no gradient but rounding, of which AdamW makes steps.
            if not name.startswith("random") and tensor.ndim > 1:
                torch.testing.assert_close(gathered[name], tensor, rtol=1e-3, atol=1e-6)


def test_a_rank_that_fails_ends_all_with_its_sentence(
    store: RunStore, second: SecondRank, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = Ranks.say

    def altered(self: Ranks, verb: Verb, *numbers: float, body: bytes = b"") -> None:
        told = json.loads(body) if verb is Verb.SPREAD else {}
        say(self, verb, *numbers, body=json.dumps({**told, "corpus": "x"}).encode())

    monkeypatch.setattr(Ranks, "say", altered)
    with pytest.raises(RunError, match=r"rank 1: .* is another text on this machine"):
        second.train(store.create(settings({})), "ddp")


def test_a_diverging_run_ends_on_all(store: RunStore, second: SecondRank) -> None:
    run = store.create(settings({"optimizer.learning_rate": 10.0, **BARE}, training__steps=400))
    ended = second.train(run, "fsdp")
    assert ended in ("diverged", "finished")
    assert run.status == ended


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"training.devices": 3}, "training.devices: 3 does not divide training.batch_size 8;"),
        (
            {"training.devices": 4, "training.accumulate": 4},
            "training.accumulate: 4 does not divide the 2 sequences of each of 4 devices;",
        ),
        (
            {
                **NETWORKS["resnet"][1],
                **{"model.norm": "batch", "training.devices": 2},
            },
            "training.devices: 2 processes would each have a BatchNorm of their own",
        ),
        (
            {"training.devices": 2, "training.sharding": "fsdp", "probes.hessian_every": 10},
            "probes.hessian_every: it takes gradients of a network that one device has as a whole;",
        ),
        ({"training.devices": 0}, "training.devices"),
        ({"training.sharding": "some"}, "training.sharding"),
    ],
)
def test_what_devices_cant_do_together_is_refused(
    changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(changes)
    assert sentence in explain(refused.value)
