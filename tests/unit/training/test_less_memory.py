"""Settings that take less memory and leave the losses: batches in parts, activations anew."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from core.config import RunConfig, explain
from core.runs import RunStore
from core.training.control import NullControl
from core.training.objectives import task_of
from core.training.optimizers import build_optimizer
from core.training.trainer import Trainer
from tests.conftest import small
from tests.loops import Script, losses, train

STEPS = 50
LONG = {
    "model.depth": 3,
    "model.context": 32,
    "training.batch_size": 12,
    "training.steps": STEPS,
    "training.evaluate_every": 0,
    "training.checkpoint_every": 0,
    "probes.every": 25,
    # AdamW blows up what rounding leaves of a gradient that is zero: slow enough not to see it.
    "optimizer.learning_rate": 1e-4,
}
DIGITS = {"data.corpus": "digits", "model.width": 8, "model.heads": 4, "model.context": 64}
RESNET = {
    **DIGITS,
    "model.family": "resnet",
    "model.depth": 6,
    "model.blocks_per_stage": 1,
    "training.batch_size": 8,
}
NETWORKS: dict[str, dict[str, object]] = {
    "transformer": {},
    "shared values": {"model.value_residual": True, "model.positions": "rotary"},
    "one α for both": {
        **{"model.placement": "none", "model.norm": "none", "model.scaling": "rezero"},
        "model.tie_embeddings": True,
    },
    "clipped": {"optimizer.clip": 0.5, "model.positions": "alibi"},
    "rewired": {"training.switches": "20/1: residual=off"},
    "mlp": {"model.family": "mlp", "model.heads": 4},
    "mlp of images": {"model.family": "mlp", **DIGITS},
    "resnet": {**RESNET, "model.norm": "group"},
}
BATCHNORM = {**RESNET, "model.norm": "batch"}


def settings(network: dict[str, object], **changes: object) -> RunConfig:
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return RunConfig.from_flat({**small().flat(), **LONG, **network, **dotted})


@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_in_parts_has_the_whole_batchs_losses(store: RunStore, name: str) -> None:
    whole = train(store, settings(NETWORKS[name]))
    parts = train(store, settings(NETWORKS[name], training__accumulate=4))
    for metric in ("loss/train", "loss/validation"):
        np.testing.assert_allclose(losses(parts, metric), losses(whole, metric), rtol=1e-6)
    # What letter frequencies reach on the batch is of the batch, not of a part.
    np.testing.assert_array_equal(losses(parts, "loss/unigram"), losses(whole, "loss/unigram"))
    first = [losses(run, "grad_norm/block")[0] for run in (parts, whole)]
    np.testing.assert_allclose(*first, rtol=1e-5)


def test_what_differs_at_a_high_learning_rate_is_rounding() -> None:
    """Parts are added up in another order. AdamW makes 3e-6 of that at a rate of 1e-3, 6e-4 at
    1e-2; with weights, activations and gradients in float64 the losses, which are float32, agree.
    """

    def losses(parts: int) -> list[float]:
        network = {**NETWORKS["shared values"], "optimizer.warmup_steps": 0}
        config = settings(network, training__accumulate=parts, optimizer__learning_rate=1e-2)
        task = task_of(config)
        torch.manual_seed(0)
        model = task.build(config.model).double()
        optimizer = build_optimizer(model, config.optimizer)
        found = []
        for step in range(STEPS):
            optimizer.zero_grad()
            each = []
            for part in task.batch(step).parts(parts):
                loss = task.loss(model(part.inputs), part.targets)
                (loss / parts).backward()
                each.append(loss.item())
            optimizer.step()
            found.append(float(np.mean(each)))
        return found

    np.testing.assert_allclose(losses(4), losses(1), rtol=5e-7)


def test_the_parts_are_the_batch_in_its_order() -> None:
    batch = task_of(settings({})).batch(3)
    parts = list(batch.parts(3))
    assert [len(part.inputs) for part in parts] == [4, 4, 4]
    for which in ("inputs", "targets"):
        joined = torch.cat([getattr(part, which) for part in parts])
        assert torch.equal(joined, getattr(batch, which))


@pytest.mark.parametrize("network", [*NETWORKS, "batchnorm"])
def test_activations_computed_anew_change_no_bit(store: RunStore, network: str) -> None:
    own = {**NETWORKS, "batchnorm": BATCHNORM}[network]
    dropout = {} if own.get("model.family") == "resnet" else {"model.dropout": 0.2}
    own = {"training.steps": 22, **own, **dropout}
    kept = train(store, settings(own))
    anew = train(store, settings(own, training__recompute=True))
    for metric in ("loss/train", "loss/validation", "grad_norm/block", "update_ratio/block"):
        np.testing.assert_array_equal(losses(anew, metric), losses(kept, metric))


def test_probes_change_no_loss_and_a_stopped_run_resumes_exactly(store: RunStore) -> None:
    network = {"model.dropout": 0.2, "training.recompute": True, "training.accumulate": 3}
    network |= {"training.steps": 25, "probes.every": 5}
    whole = train(store, settings(network))
    silent = train(store, settings(network, probes__every=0, training__evaluate_every=0))
    np.testing.assert_array_equal(losses(silent), losses(whole))
    run = train(store, settings(network), Script({17: "stop"}))
    assert (run.status, run.record.step) == ("stopped", 17)
    Trainer(run, NullControl()).train()
    for metric in ("loss/train", "loss/validation", "grad_norm/block"):
        np.testing.assert_array_equal(losses(run, metric), losses(whole, metric))


def test_a_block_that_is_computed_anew_keeps_its_input_alone() -> None:
    """What autograd keeps of a pass: with recompute no more for each layer than its input."""

    def kept(depth: int, recompute: bool) -> int:
        config = settings({"model.depth": depth, "training.recompute": recompute})
        model = task_of(config).build(config.model)
        own = {p.data_ptr() for p in model.parameters()}
        found: dict[int, int] = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            if tensor.data_ptr() not in own:
                found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        batch = task_of(config).batch(0)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logits = model(batch.inputs)
        return sum(found.values()) + 0 * logits.numel()

    stream = 4 * 12 * 32 * 16  # bytes of (B, T, D)
    each = {recompute: kept(4, recompute) - kept(3, recompute) for recompute in (True, False)}
    assert each[True] <= stream < each[False] / 5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"training.accumulate": 5},
            "training.accumulate: 5 does not divide training.batch_size 12;"
            " accepted: 1, 2, 3, 4, 6, 12",
        ),
        ({**BATCHNORM, "training.accumulate": 2}, "training.accumulate: 2 parts would each"),
        ({"training.accumulate": 0}, "training.accumulate"),
    ],
)
def test_parts_that_a_batch_can_not_have_are_refused(
    changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(changes)
    assert sentence in explain(refused.value)


def test_settings_written_before_open_with_the_old_arithmetic() -> None:
    written = settings({}).model_dump(mode="json")
    for name in ("accumulate", "recompute"):
        del written["training"][name]
    opened = RunConfig.model_validate(written)
    assert (opened.training.accumulate, opened.training.recompute) == (1, False)
    assert opened == settings({})
