"""Gradient groups cover every parameter once, with Q, K and V as rows of the fused matrix."""

import itertools

import pytest
import torch

from core.config import ModelConfig
from core.models import build_model, parameter_groups

CONFIGS = [
    ModelConfig(depth=3, width=8, heads=2, context=5, **values)
    for values in (
        {},
        {"placement": "post", "tie_embeddings": True},
        {"placement": "none", "norm": "none", "positions": "rotary", "head_bias": True},
        {"placement": "sandwich", "norm": "rms", "activation": "swiglu", "bias": False},
        {"tie_embeddings": True, "head_bias": True, "final_norm": "off"},
    )
]


@pytest.mark.parametrize("config", CONFIGS)
def test_every_parameter_once(config):
    model = build_model(config, 7)
    groups = parameter_groups(model)
    parameters = dict(model.named_parameters())
    count = {name: torch.zeros(len(p)) for name, p in parameters.items()}
    for group, layers in groups.items():
        assert len(layers) == (1 if group in ("embed", "head", "final_norm") else 3)
        for name, parameter, rows in itertools.chain(*layers):
            assert parameters[name] is parameter
            if group != "block":
                count[name][rows if rows is not None else slice(None)] += 1
    assert all((c == 1).all() for c in count.values())
    for i, layer in enumerate(groups["block"]):
        names = [name for name, _, _ in layer]
        assert names == [n for n in parameters if n.startswith(f"blocks.{i}.")]
        assert all(rows is None for _, _, rows in layer)


@pytest.mark.parametrize("config", CONFIGS)
def test_groups_that_exist(config):
    groups = parameter_groups(build_model(config, 7))
    wanted = {"embed", "attn.q", "attn.k", "attn.v", "attn.o", "mlp.in", "mlp.out", "block"}
    wanted |= {"mlp.gate"} if config.activation == "swiglu" else set()
    wanted |= {"norm"} if config.norm != "none" else set()
    wanted |= {"final_norm"} if config.has_final_norm else set()
    wanted |= {"head"} if config.head_bias or not config.tie_embeddings else set()
    assert set(groups) == wanted


def test_rows_are_query_key_value():
    model = build_model(ModelConfig(depth=1, width=8, heads=2, context=5), 7)
    tokens = torch.randint(7, (2, 5))
    trace = model.trace(tokens)
    normed = model.blocks[0].attn.pre(trace["embed"])
    for group, name in (("attn.q", "q"), ("attn.k", "k"), ("attn.v", "v")):
        (_, weight, rows), (_, bias, bias_rows) = parameter_groups(model)[group][0]
        projected = normed @ weight[rows].T + bias[bias_rows]  # (B, T, H · d)
        heads = projected.view(2, 5, 2, 4).transpose(1, 2)
        torch.testing.assert_close(trace[f"blocks.0.attn.{name}"], heads)
