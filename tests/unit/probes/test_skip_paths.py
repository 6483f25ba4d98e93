"""The sizes of skip and branch against each wiring's equation, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from core.models import build_model
from core.probes.skip_paths import sizes, watched
from core.runs import RunStore
from tests.conftest import small
from tests.loops import train

BARE = {"model__norm": "none", "model__placement": "none"}
# What the skip multiplies its input by.
CARRIED = {
    "pre": ({}, 1.0),
    "bare": (BARE, 1.0),
    "DeepNorm": ({"model__placement": "post", "model__scaling": "deepnorm"}, 4**0.25),
    "none": ({**BARE, "model__residual": "off"}, 0.0),
}


def rms(x: Tensor) -> float:
    return float(np.sqrt((x.double().numpy() ** 2).mean()))


@pytest.mark.parametrize("wiring", CARRIED)
def test_sizes_are_those_of_what_is_added(wiring: str) -> None:
    changes, factor = CARRIED[wiring]
    model = build_model(small(**changes).model, 11).eval()
    with torch.no_grad(), watched(model) as paths:
        trace = model.trace(torch.randint(11, (1, 16), generator=torch.Generator().manual_seed(1)))
    found = sizes(paths)
    assert len(found) == 6
    for layer in range(2):
        for part, before in (("attn", "resid_pre"), ("mlp", "resid_mid")):
            skip = factor * rms(trace[f"blocks.{layer}.{before}"])
            branch = rms(trace[f"blocks.{layer}.{part}.out"])
            assert float(found[f"skip/rms/{part}"][layer]) == pytest.approx(skip, rel=1e-6)
            assert float(found[f"branch/rms/{part}"][layer]) == pytest.approx(branch, rel=1e-6)
            share = float(found[f"branch/share/{part}"][layer])
            assert (
                np.isnan(share) if not factor else share == pytest.approx(branch / skip, rel=1e-6)
            )


def test_a_norm_in_the_branch_and_a_trained_scale_count() -> None:
    changes = {"model__placement": "sandwich", "model__scaling": "layerscale"}
    model = build_model(small(**changes).model, 11).eval()
    with torch.no_grad(), watched(model) as paths:
        trace = model.trace(torch.randint(11, (1, 16)))
    for part in ("attn", "mlp"):
        for layer, (skip, branch) in enumerate(paths[part]):
            total = trace[f"blocks.{layer}.{part}.sum"]
            torch.testing.assert_close(skip + branch, total, rtol=0, atol=0)
            assert not torch.equal(branch, trace[f"blocks.{layer}.{part}.out"])


def test_nothing_is_left_on_the_network() -> None:
    model = build_model(small().model, 11)
    with watched(model):
        pass
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_run_keeps_them_by_layer(store: RunStore) -> None:
    run = train(store, small(training__steps=6, training__evaluate_every=0))
    for name in ("skip/rms/attn", "branch/rms/mlp", "branch/share/attn"):
        steps, values = run.series(name)
        assert steps.tolist() == [0, 5]
        assert values.shape == (2, 2)
        assert (values > 0).all()
