"""Entropy of attention and rank of the stream by their definitions, and in a run."""

import math

import numpy as np
import pytest
import torch

from core.models import build_model
from core.probes.depth import effective_rank, entropy, profiles, singular_values
from core.training.control import NullControl
from core.training.trainer import Trainer
from tests.conftest import small


def uniform(size: int) -> torch.Tensor:
    """Causal attention that looks at all earlier tokens alike, (1, 1, T, T)."""
    allowed = torch.ones(size, size).tril()
    return (allowed / allowed.sum(-1, keepdim=True))[None, None]


def test_uniform_causal_attention_has_the_known_entropy():
    assert float(entropy(uniform(64))) == pytest.approx(3.206, abs=5e-4)
    assert float(entropy(uniform(9))) == pytest.approx(
        np.mean([math.log(n) for n in range(1, 10)]), rel=1e-6
    )


def test_attention_to_one_token_has_none():
    assert float(entropy(torch.eye(7)[None, None])) == 0


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6)])
def test_the_rank_is_that_of_the_singular_values(shape):
    x = torch.randn(3, *shape, dtype=torch.float64)
    sigma = torch.linalg.svdvals(x)
    share = sigma / sigma.sum(-1, keepdim=True)
    expected = torch.exp(-(share * share.log()).sum(-1))
    assert effective_rank(singular_values(x)).tolist() == pytest.approx(expected.tolist(), rel=1e-5)


def test_the_rank_of_simple_matrices():
    same = torch.ones(6, 4)
    orthonormal = torch.eye(6)[:4]
    odd = torch.full((4, 4), math.nan)
    assert float(effective_rank(singular_values(same))) == pytest.approx(1, abs=1e-5)
    assert float(effective_rank(singular_values(orthonormal))) == pytest.approx(4, abs=1e-5)
    assert float(effective_rank(singular_values(torch.zeros(4, 4)))) == 0
    both = effective_rank(singular_values(torch.stack([odd, torch.eye(4)])))
    assert both[0].isnan()
    assert float(both[1]) == pytest.approx(4)


def test_a_network_without_attention_has_no_entropy():
    config = small(model__sublayers="feedforward", model__positions="none")
    model = build_model(config.model, 11)
    found = profiles(model.trace(torch.randint(11, (1, 16))))
    assert list(found) == ["activation/effective_rank/resid_post"]
    assert found["activation/effective_rank/resid_post"].shape == (config.model.depth,)


def test_a_run_keeps_them_by_layer(store):
    run = store.create(small())
    Trainer(run, NullControl()).train()
    steps, ranks = run.series("activation/effective_rank/resid_post")
    assert ranks.shape == (len(steps), 2)
    assert np.isfinite(ranks).all()
    assert (ranks >= 1).all()
    assert run.series("attention/entropy")[1].shape == (len(steps), 2)
