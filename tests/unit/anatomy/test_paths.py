"""Paths by length against plain backward passes."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from core.anatomy import Silent
from core.anatomy.loaded_checkpoint import sublayers
from core.anatomy.paths import contributions, gradients, paths
from core.config import ModelConfig
from core.runs import RunStore
from tests.subjects import asking, network, some_tokens, subject_of, wirings

WIRINGS = wirings(18, seed=3)
NAMES = [f"{c.placement}-{c.norm}-{c.scaling}-{c.residual}" for c in WIRINGS]
every_wiring = pytest.mark.parametrize("config", WIRINGS, ids=NAMES)


def plain_gradient(
    model: torch.nn.Module, inputs: Tensor, targets: Tensor, z: float | None = None
) -> Tensor:
    """The gradient at the embedding's output; each branch's is multiplied by z."""
    leaf: list[Tensor] = []

    def see(name: str, tensor: Tensor) -> Tensor:
        if name == "embed":
            leaf.append(tensor.detach().requires_grad_())
            return leaf[0]
        if z is not None and name.endswith((".attn.out", ".mlp.out")):
            return z * tensor + (1 - z) * tensor.detach()
        return tensor

    logits = model(inputs, see)
    loss = F.cross_entropy(logits.flatten(0, -2), targets.flatten())
    return torch.autograd.grad(loss, leaf[0], allow_unused=True, materialize_grads=True)[0]


def pair(config: ModelConfig) -> tuple[Tensor, Tensor]:
    return some_tokens(config, seed=1), some_tokens(config, seed=2)


@every_wiring
def test_the_lengths_sum_to_the_gradient(config: ModelConfig) -> None:
    model, (inputs, targets) = network(config), pair(config)
    by_length, loss = gradients(model, inputs, targets)
    whole = plain_gradient(model, inputs, targets)
    assert whole.abs().max() > 0
    torch.testing.assert_close(sum(by_length.values()), whole, rtol=1e-9, atol=1e-13)
    expected = F.cross_entropy(model(inputs).flatten(0, -2), targets.flatten())
    assert loss == pytest.approx(expected.item(), abs=1e-12)
    assert model.first.values is None


@pytest.mark.parametrize("z", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("config", wirings(12, seed=5, value_residual=False))
def test_each_length_has_its_own_gradient(config: ModelConfig, z: float) -> None:
    """With every branch's gradient times z the whole is the polynomial Σ z^k g_k."""
    model, (inputs, targets) = network(config), pair(config)
    by_length, _ = gradients(model, inputs, targets)
    polynomial = sum(z**k * g for k, g in by_length.items())
    polynomial = polynomial + torch.zeros(*inputs.shape, config.width)
    torch.testing.assert_close(
        polynomial, plain_gradient(model, inputs, targets, z), rtol=1e-9, atol=1e-13
    )


def test_without_skips_every_path_takes_every_branch() -> None:
    (config,) = wirings(1, residual="off", placement="pre", norm="layer", value_residual=False)
    model = network(config)
    by_length, _ = gradients(model, *pair(config))
    assert list(by_length) == [2 * config.depth]


@every_wiring
def test_the_contributions_sum_to_the_logits(config: ModelConfig) -> None:
    model, (inputs, targets) = network(config), pair(config)
    found = contributions(model, inputs, targets)
    logits = model(inputs)
    right = logits.gather(-1, targets[..., None])[..., 0] - logits.mean(-1)
    assert sum(found.values()) == pytest.approx(right.mean().item(), rel=1e-9, abs=1e-11)
    assert list(found) == ["embed", *(name for name, _ in sublayers(model)), "bias"]


def test_a_contribution_is_what_the_logits_lose_under_frozen_norms() -> None:
    """Without norms there is nothing to freeze: taking the last branch out takes its share out."""
    (config,) = wirings(
        1,
        placement="none",
        norm="none",
        scaling="one",
        residual="on",
        qk_norm="off",
        embedding_norm=False,
    )
    model, (inputs, targets) = network(config), pair(config)
    last = f"blocks.{config.depth - 1}.mlp"

    def without(name: str, tensor: Tensor) -> Tensor:
        return torch.zeros_like(tensor) if name == last + ".out" else tensor

    def mean_right(logits: Tensor) -> float:
        right = logits.gather(-1, targets[..., None])[..., 0] - logits.mean(-1)
        return right.mean().item()

    lost = mean_right(model(inputs)) - mean_right(model(inputs, without))
    assert contributions(model, inputs, targets)[last] == pytest.approx(lost, rel=1e-9)


def test_the_answer_of_a_checkpoint(store: RunStore) -> None:
    subject = subject_of(store, model__depth=3)
    found = paths(subject, asking("paths", {"windows": 4}), Silent()).result
    assert found["lengths"] == list(range(7))
    assert found["paths"] == [math.comb(6, k) for k in range(7)]
    assert sum(found["share"]) == pytest.approx(1)
    assert sum(found["projection"]) == pytest.approx(1, abs=1e-5)
    assert sum(found["logit_share"]) == pytest.approx(1)
    assert found["depth"] == [0, 1, 2, 3, 4, 5, 6, None]
    inputs, targets = subject.held_out(4)
    whole = plain_gradient(subject.model, inputs, targets)
    assert found["total"] == pytest.approx(whole.norm().item(), rel=1e-4)


def test_a_branch_that_is_born_closed_has_no_long_paths(store: RunStore) -> None:
    subject = subject_of(
        store, model__scaling="rezero", model__placement="none", model__norm="none", steps=1
    )
    with torch.no_grad():
        for name, parameter in subject.model.named_parameters():
            if name.endswith("scale.alpha"):
                parameter.zero_()
    found = paths(subject, asking("paths", {"windows": 2}), Silent()).result
    assert found["share"][0] == pytest.approx(1)
    assert found["norm"][1:] == [0.0] * 4
