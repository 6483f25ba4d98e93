"""Each part against its formula, written out by hand."""

import math

import pytest
import torch
from torch.nn import functional as F

from core.config import ModelConfig
from core.models import build_model
from core.models.feedforward import feedforward
from core.models.norms import norm
from core.models.positions import Rotary, SinusoidalPositions

SMALL = {"depth": 2, "width": 8, "heads": 2, "context": 6, "init": "torch"}
TOKENS = torch.tensor([[0, 3, 1, 4, 1, 5], [2, 6, 5, 3, 5, 0]])


def shaken(config: ModelConfig):
    """A model in float64 whose norms are not the identity's gain."""
    torch.manual_seed(0)
    model = build_model(config, 7).double()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model


def layer_norm(module, x):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * module.weight + (
        module.bias
    )


def rms_norm(module, x):
    return x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * module.weight


@pytest.mark.parametrize("residual", ["on", "off", "attention", "feedforward"])
@pytest.mark.parametrize("placement", ["pre", "post", "sandwich", "none"])
@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_sublayers_are_their_equations(residual, placement, kind):
    kind = "none" if placement == "none" else kind
    model = shaken(ModelConfig(**SMALL, residual=residual, placement=placement, norm=kind))
    apply = {"layer": layer_norm, "rms": rms_norm, "none": lambda module, x: x}[kind]
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    skips = {"attn": residual in ("on", "attention"), "mlp": residual in ("on", "feedforward")}
    for part, skip in skips.items():
        layer = getattr(model.blocks[0], part)
        kept = x if skip else torch.zeros_like(x)
        if placement == "pre":
            wanted = kept + layer.f(apply(layer.pre, x))
        elif placement == "post":
            wanted = apply(layer.post, kept + layer.f(x))
        elif placement == "sandwich":
            wanted = kept + apply(layer.inner, layer.f(apply(layer.pre, x)))
        else:
            wanted = kept + layer.f(x)
        torch.testing.assert_close(layer(x), wanted, atol=1e-12, rtol=0)
        kinds = {name for name, _ in layer.named_parameters() if not name.startswith("f.")}
        places = {"pre": ["pre"], "post": ["post"], "sandwich": ["pre", "inner"], "none": []}
        leaves = ("weight", "bias") if kind == "layer" else ("weight",)
        assert kinds == {f"{p}.{leaf}" for p in places[placement] for leaf in leaves}


@pytest.mark.parametrize("placement", ["pre", "post", "sandwich"])
def test_observables_are_the_equation_s_parts(placement):
    model = shaken(ModelConfig(**SMALL, placement=placement))
    t = model.trace(TOKENS)
    for i, block in enumerate(model.blocks):
        for part, before, after in (
            ("attn", "resid_pre", "resid_mid"),
            ("mlp", "resid_mid", "resid_post"),
        ):
            sublayer, x = getattr(block, part), t[f"blocks.{i}.{before}"]
            out, total = t[f"blocks.{i}.{part}.out"], t[f"blocks.{i}.{part}.sum"]
            torch.testing.assert_close(out, sublayer.f(sublayer.pre(x)))
            torch.testing.assert_close(total, x + sublayer.inner(out))
            torch.testing.assert_close(t[f"blocks.{i}.{after}"], sublayer.post(total))
    assert t["blocks.0.resid_pre"] is t["embed"]
    assert t["blocks.1.resid_pre"] is t["blocks.0.resid_post"]
    last = t["blocks.1.resid_post"]
    torch.testing.assert_close(t["final_norm.out"], model.final_norm(last))
    assert (placement == "post") == torch.equal(t["final_norm.out"], last)
    torch.testing.assert_close(t["logits"], t["final_norm.out"] @ model.head.weight.T)


def test_rms_norm_by_hand_and_without_bias():
    config = ModelConfig(width=4, heads=1, norm="rms", norm_epsilon=0.5)
    module = norm(config)
    module.weight.data = torch.tensor([1.0, 2.0, 3.0, 4.0])
    x = torch.tensor([[1.0, -1.0, 2.0, 0.0]])  # mean square 1.5
    torch.testing.assert_close(module(x), torch.tensor([[1.0, -2.0, 6.0, 0.0]]) / math.sqrt(2))
    assert [n for n, _ in module.named_parameters()] == ["weight"]
    bare = norm(ModelConfig(width=4, heads=1, bias=False))
    assert [n for n, _ in bare.named_parameters()] == ["weight"]


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_sinusoidal_table(width):
    table = SinusoidalPositions(7, width)(torch.zeros(1, 7, width))[0]
    for t in range(7):
        for i in range(width):
            angle = t / 10000 ** ((i - i % 2) / width)
            wanted = math.cos(angle) if i % 2 else math.sin(angle)
            assert table[t, i].item() == pytest.approx(wanted, abs=1e-6)


def test_rotary_depends_on_distance_only():
    rotate = Rotary(40, 8, 100.0).double()
    torch.manual_seed(0)
    q, k = torch.randn(2, 8, dtype=torch.float64)
    scores = rotate(q.expand(1, 1, 40, 8))[0, 0] @ rotate(k.expand(1, 1, 40, 8))[0, 0].T
    for offset in (-7, 0, 1, 20):
        diagonal = scores.diagonal(offset)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-5, rtol=0)
    assert scores.diagonal(3)[0] != pytest.approx(scores.diagonal(4)[0].item(), abs=1e-3)
    # Half-split as in Llama: features i and i + d/2 turn together by t · base^(-2i/d).
    x = torch.randn(1, 1, 40, 8, dtype=torch.float64)
    y = rotate(x)
    t, i = 5, 3
    angle = t * 100.0 ** (-2 * i / 8)
    a, b = x[0, 0, t, i].item(), x[0, 0, t, i + 4].item()
    turned = (a * math.cos(angle) - b * math.sin(angle), b * math.cos(angle) + a * math.sin(angle))
    assert y[0, 0, t, [i, i + 4]].tolist() == pytest.approx(turned, abs=1e-6)


def test_rotary_turns_queries_and_keys_not_values():
    model = shaken(ModelConfig(**SMALL, positions="rotary"))
    t = model.trace(torch.full((1, 6), 3))
    q, k, v = (t[f"blocks.0.attn.{n}"][0, 0] for n in "qkv")
    assert not torch.allclose(q[0], q[1])
    assert not torch.allclose(k[0], k[1])
    torch.testing.assert_close(v[0], v[1])
    assert "cos" not in "".join(model.state_dict())


def test_positions_none_cannot_tell_order_at_the_first_layer():
    model = shaken(ModelConfig(**SMALL, positions="none"))
    logits = model(torch.full((1, 6), 3))
    torch.testing.assert_close(logits, logits[:, :1].expand_as(logits))


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("relu", lambda x: x.clamp_min(0)),
        ("gelu", lambda x: x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))),
        (
            "gelu_tanh",
            lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        ),
    ],
)
def test_feedforward_by_hand(activation, function):
    f = shaken(ModelConfig(**SMALL, activation=activation)).blocks[0].mlp.f
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    hidden = function(x @ f.w_in.weight.T + f.w_in.bias)
    torch.testing.assert_close(f(x), hidden @ f.w_out.weight.T + f.w_out.bias)


def test_swiglu_by_hand():
    model = shaken(ModelConfig(**SMALL, activation="swiglu", feedforward_width=5))
    f = model.blocks[0].mlp.f
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    gate = x @ f.w_gate.weight.T + f.w_gate.bias
    product = gate * torch.sigmoid(gate) * (x @ f.w_in.weight.T + f.w_in.bias)
    torch.testing.assert_close(f(x), product @ f.w_out.weight.T + f.w_out.bias)
    seen = {}
    f(x, lambda name, tensor: seen.setdefault(name, tensor))
    torch.testing.assert_close(seen["blocks.0.mlp.pre"], gate)
    torch.testing.assert_close(seen["blocks.0.mlp.post"], product)


def test_one_token_attention_is_w_o_w_v_alone():
    f = shaken(ModelConfig(**SMALL)).blocks[0].attn.f
    x = torch.randn(3, 1, 8, dtype=torch.float64)
    value = F.linear(x, f.qkv.weight[16:], f.qkv.bias[16:])
    torch.testing.assert_close(f(x), F.linear(value, f.out.weight, f.out.bias))


def test_embedding_scale_and_tied_head():
    model = shaken(ModelConfig(**SMALL, embedding_scale=True, tie_embeddings=True))
    t = model.trace(TOKENS)
    wanted = model.token.weight[TOKENS] * math.sqrt(8) + model.positions.weight
    torch.testing.assert_close(t["embed"], wanted)
    assert model.head.weight is model.token.weight
    torch.testing.assert_close(t["logits"], t["final_norm.out"] @ model.token.weight.T)


def test_the_name_prefixes_observables():
    f = feedforward(ModelConfig(**SMALL), "here")
    names = []
    f(torch.zeros(1, 1, 8), lambda name, tensor: (names.append(name), tensor)[1])
    assert names == ["here.pre", "here.post", "here.out"]
