"""The feed-forward network: the equation H + F(H), its two inputs, its observables and groups."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional as F

from core.config import ModelConfig, Shape
from core.models import build_model, parameter_groups

IMAGE = Shape(2, 5, 4)
CONFIGS = [
    ModelConfig(family="mlp", depth=3, width=8, context=6, residual=residual, **wiring)
    for residual, wiring in itertools.product(
        ("on", "off"),
        (
            {"placement": "pre", "norm": "layer"},
            {"placement": "post", "norm": "rms", "activation": "swiglu"},
            {"placement": "sandwich", "norm": "layer", "bias": False, "final_norm": "off"},
            {"placement": "none", "norm": "none", "init": "torch"},
        ),
    )
]


def test_the_tutorials_equations_by_hand():
    """H' = LN(H + F(H)): post-LN with Add and Norm, from the parameters alone."""
    config = ModelConfig(family="mlp", depth=2, width=8, placement="post", bias=False)
    model = build_model(config, 10, IMAGE).double()
    images = torch.randn(3, *IMAGE, dtype=torch.float64)
    h = images.flatten(1) @ model.project.weight.T
    for block in model.blocks:
        f = torch.relu(h @ block.mlp.f.w_in.weight.T) @ block.mlp.f.w_out.weight.T
        h = h + f
        mean, variance = h.mean(-1, keepdim=True), h.var(-1, correction=0, keepdim=True)
        h = (h - mean) / (variance + config.norm_epsilon).sqrt()
    torch.testing.assert_close(model(images), h @ model.head.weight.T)


@pytest.mark.parametrize("image", [None, IMAGE], ids=["characters", "images"])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_names_shapes_groups_and_gradients(config, image):
    model = build_model(config, 7, image)
    inputs = torch.randint(7, (5, 6)) if image is None else torch.randn(5, *IMAGE)
    trace = model.trace(inputs)
    stream, hidden = (5, 8), (5, 32)
    expected = {"embed": stream}
    for i in range(3):
        expected[f"blocks.{i}.resid_pre"] = stream
        expected |= {f"blocks.{i}.mlp.{name}": hidden for name in ("pre", "post")}
        expected |= {f"blocks.{i}.{name}": stream for name in ("mlp.out", "mlp.sum", "resid_post")}
    expected |= {"final_norm.out": stream, "logits": (5, 7)}
    assert {name: tuple(value.shape) for name, value in trace.items()} == expected
    assert list(trace) == list(expected)
    torch.testing.assert_close(model(inputs), trace["logits"])
    F.cross_entropy(model(inputs), torch.arange(5)).backward()
    assert all(p.grad is not None for p in model.parameters())
    groups = parameter_groups(model)
    names = [n for g, layers in groups.items() if g != "block" for p in layers for n, _, _ in p]
    assert sorted(names) == sorted(n for n, _ in model.named_parameters())
    assert {"embed", "mlp.in", "mlp.out", "block", "head"} <= set(groups)
    assert ("norm" in groups) == (config.norm != "none")
    assert ("mlp.gate" in groups) == (config.activation == "swiglu")


def test_a_window_of_characters():
    model = build_model(ModelConfig(family="mlp", depth=1, width=8, context=6), 7)
    whole = torch.randint(7, (2, 6))
    changed = whole.clone()
    changed[0, 0] = (changed[0, 0] + 1) % 7
    assert not torch.equal(model(whole)[0], model(changed)[0])  # it sees the first character
    assert torch.equal(model(whole)[1], model(changed)[1])  # and no other window
    assert model(whole[:, :2]).shape == (2, 7)
    with pytest.raises(ValueError, match=r"model\.context: 7 tokens"):
        model(torch.zeros(1, 7, dtype=torch.int64))


def test_twins_share_what_both_have():
    on, off = (
        dict(build_model(ModelConfig(family="mlp", residual=r), 10, IMAGE).named_parameters())
        for r in ("on", "off")
    )
    assert on.keys() == off.keys()
    assert all(torch.equal(on[name], off[name]) for name in on)
