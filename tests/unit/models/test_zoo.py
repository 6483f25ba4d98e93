"""Each member of the block zoo against its paper's equation, written out by hand."""

import math
import warnings

import pytest
import torch
from torch.nn import functional as F

from core import presets
from core.config import ModelConfig, choices
from core.models import build_model, profile
from core.models.positions import alibi_slopes

SMALL = {"depth": 4, "width": 12, "heads": 3, "context": 6, "init": "torch"}
TOKENS = torch.tensor([[0, 3, 1, 4, 1, 5], [2, 6, 5, 3, 5, 0]])


def shaken(**values):
    """A network in float64 with every parameter moved off its start."""
    torch.manual_seed(0)
    model = build_model(ModelConfig(**{**SMALL, **values}), 7).double()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model.requires_grad_(False)


def ln(module, x):
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()
    return scaled * module.weight + module.bias


def heads(x):
    return x.view(*x.shape[:-1], 3, 4).transpose(-2, -3)  # (..., T, D) -> (..., H, T, d)


def attention(f, x, *, q=lambda q: q, k=lambda k: k, v=lambda v: v, bias=0.0, causal=True):
    """The textbook's attention before W_O, (B, T, D) -> (B, H, T, d)."""
    parts = F.linear(x, f.qkv.weight, f.qkv.bias).chunk(3, -1)
    query, key, value = (change(heads(part)) for change, part in zip((q, k, v), parts, strict=True))
    scores = query @ key.transpose(-1, -2) / math.sqrt(4) + bias
    if causal:
        mask = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
        scores = scores.masked_fill(mask, -torch.inf)
    return scores.softmax(-1) @ value


def joined(x):
    return x.transpose(-2, -3).flatten(-2)


def w_o(f, x):
    return F.linear(x, f.out.weight, f.out.bias)


def ffn(f, x, norm=lambda x: x):
    return F.linear(
        norm(F.linear(x, f.w_in.weight, f.w_in.bias).relu()), f.w_out.weight, f.w_out.bias
    )


def mha(f, x, **changes):
    return w_o(f, joined(attention(f, x, **changes)))


# One block of each wiring: (settings, equation)


def deepnorm(block, x, layer):
    alpha = 8**0.25  # (2 L)^¼
    x = ln(block.attn.post, alpha * x + mha(block.attn.f, x))
    return ln(block.mlp.post, alpha * x + ffn(block.mlp.f, x))


def admin(block, x, layer):
    x = ln(block.attn.post, block.attn.skip.omega * x + mha(block.attn.f, x))
    return ln(block.mlp.post, block.mlp.skip.omega * x + ffn(block.mlp.f, x))


def reordered(block, x, layer):
    x = x + ln(block.attn.inner, mha(block.attn.f, x))
    return x + ln(block.mlp.inner, ffn(block.mlp.f, x))


def sub_ln(block, x, layer):
    f, g = block.attn.f, block.mlp.f
    mixed = joined(attention(f, ln(block.attn.pre, x)))
    x = x + w_o(f, ln(f.joined_norm, mixed))
    return x + ffn(g, ln(block.mlp.pre, x), lambda h: ln(g.hidden_norm, h))


def normformer(block, x, layer):
    f, g = block.attn.f, block.mlp.f
    scaled = attention(f, ln(block.attn.pre, x)) * f.head_scale.gain[:, None, None]
    x = x + ln(block.attn.inner, w_o(f, joined(scaled)))
    return x + ffn(g, ln(block.mlp.pre, x), lambda h: ln(g.hidden_norm, h))


def rezero(block, x, layer):
    alpha = block.attn.scale.alpha
    x = x + alpha * mha(block.attn.f, x)
    return x + alpha * ffn(block.mlp.f, x)


def layerscale(block, x, layer):
    x = x + block.attn.scale.gamma * mha(block.attn.f, ln(block.attn.pre, x))
    return x + block.mlp.scale.gamma * ffn(block.mlp.f, ln(block.mlp.pre, x))


def lns(block, x, layer):
    root = math.sqrt(layer + 1)
    x = x + mha(block.attn.f, ln(block.attn.pre[0], x) / root)
    return x + ffn(block.mlp.f, ln(block.mlp.pre[0], x) / root)


def mix_ln(block, x, layer):
    if layer < 1:  # a quarter of four
        x = ln(block.attn.post, x + mha(block.attn.f, x))
        return ln(block.mlp.post, x + ffn(block.mlp.f, x))
    x = x + mha(block.attn.f, ln(block.attn.pre, x))
    return x + ffn(block.mlp.f, ln(block.mlp.pre, x))


def hybrid(block, x, layer):
    f = block.attn.f
    norms = {part: (lambda y, part=part: ln(getattr(f, f"{part}_norm"), y)) for part in "qkv"}
    n = ln(block.attn.post, x + mha(f, x, **norms))
    return n + ffn(block.mlp.f, n)


def qk_head(block, x, layer):
    f = block.attn.f
    norms = {part: (lambda y, part=part: ln(getattr(f, f"{part}_norm"), y)) for part in "qk"}
    x = x + mha(f, ln(block.attn.pre, x), **norms)
    return x + ffn(block.mlp.f, ln(block.mlp.pre, x))


def qk_width(block, x, layer):
    f = block.attn.f
    norms = {
        part: (lambda y, part=part: heads(ln(getattr(f, f"{part}_norm"), joined(y))))
        for part in "qk"
    }
    x = x + mha(f, ln(block.attn.pre, x), **norms)
    return x + ffn(block.mlp.f, ln(block.mlp.pre, x))


def dyt(block, x, layer):
    def norm(m, y):
        return m.weight * torch.tanh(m.alpha * y) + m.bias

    x = x + mha(block.attn.f, norm(block.attn.pre, x))
    return x + ffn(block.mlp.f, norm(block.mlp.pre, x))


def alibi(block, x, layer):
    slopes = torch.tensor([2**-4, 2**-8, 2**-2], dtype=torch.float64)  # three heads
    i = torch.arange(x.shape[1])
    bias = -slopes[:, None, None] * (i[:, None] - i).abs()
    x = x + mha(block.attn.f, ln(block.attn.pre, x), bias=bias)
    return x + ffn(block.mlp.f, ln(block.mlp.pre, x))


def two_way(block, x, layer):
    x = x + mha(block.attn.f, ln(block.attn.pre, x), causal=False)
    return x + ffn(block.mlp.f, ln(block.mlp.pre, x))


def attention_only(block, x, layer):
    return x + mha(block.attn.f, ln(block.attn.pre, x))


def feedforward_only(block, x, layer):
    return x + ffn(block.mlp.f, ln(block.mlp.pre, x))


def overridden(block, x, layer):
    if layer == 1:
        return neither(block, x)
    if layer == 2:
        return deepnorm(block, x, layer)
    return mix_ln(block, x, 3)


def neither(block, x):
    x = mha(block.attn.f, ln(block.attn.pre, x))
    return ffn(block.mlp.f, ln(block.mlp.pre, x))


BARE = {"placement": "none", "norm": "none"}
EQUATIONS = {
    deepnorm: {"placement": "post", "scaling": "deepnorm"},
    admin: {"placement": "post", "scaling": "admin"},
    reordered: {"placement": "reordered"},
    sub_ln: {"placement": "sublayer"},
    normformer: {"placement": "normformer"},
    rezero: {**BARE, "scaling": "rezero"},
    layerscale: {"scaling": "layerscale"},
    lns: {"scaling": "lns"},
    mix_ln: {"placement": "mix"},
    hybrid: {"placement": "hybrid"},
    qk_head: {"qk_norm": "head"},
    qk_width: {"qk_norm": "width"},
    dyt: {"norm": "dyt"},
    alibi: {"positions": "alibi"},
    two_way: {"causal": False},
    attention_only: {"sublayers": "attention"},
    feedforward_only: {"sublayers": "feedforward"},
    overridden: {
        "overrides": "1-2: residual=off; 2: placement=post, scaling=deepnorm, residual=on"
    },
}


@pytest.mark.parametrize("equation", EQUATIONS, ids=lambda e: e.__name__)
def test_a_block_is_its_paper_s_equation(equation):
    model = shaken(**EQUATIONS[equation])
    x = torch.randn(2, 6, 12, dtype=torch.float64)
    for layer, block in enumerate(model.blocks):
        y = equation(block, x, layer)
        torch.testing.assert_close(block(x), y, atol=1e-12, rtol=0)
        seen = block(x, lambda name, tensor: tensor)
        torch.testing.assert_close(seen, y, atol=1e-12, rtol=0)
        x = y / y.std()


def test_value_residual_is_half_the_first_layer_s():
    model = shaken(value_residual=True)
    trace = model.trace(TOKENS)
    first = trace["blocks.0.attn.v"]
    for i, block in enumerate(model.blocks):
        f = block.attn.f
        x = block.attn.pre(trace[f"blocks.{i}.resid_pre"])
        own = heads(F.linear(x, f.qkv.weight[24:], f.qkv.bias[24:]))
        wanted = own if i == 0 else 0.5 * own + 0.5 * first
        torch.testing.assert_close(trace[f"blocks.{i}.attn.v"], wanted)
    torch.testing.assert_close(model(TOKENS), trace["logits"])
    model.requires_grad_(True)
    model(TOKENS).sum().backward()
    assert model.first.values is None, "a pass leaves nothing behind"


@pytest.mark.parametrize(
    ("count", "slopes"),
    [
        (1, [2**-8]),
        (2, [2**-4, 2**-8]),
        (8, [2**-i for i in range(1, 9)]),
        (16, [2 ** (-i / 2) for i in range(1, 17)]),
        # Press et al.: the slopes of 8 heads, then every second one of 16.
        (12, [2**-i for i in range(1, 9)] + [2 ** (-i / 2) for i in (1, 3, 5, 7)]),
    ],
)
def test_alibi_slopes(count, slopes):
    assert alibi_slopes(count) == pytest.approx(slopes)


def test_alibi_looks_both_ways_without_a_mask():
    trace = shaken(positions="alibi", causal=False).trace(TOKENS)
    q, k, scores = (trace[f"blocks.0.attn.{n}"] for n in ("q", "k", "scores"))
    bias = scores - q @ k.mT / 2
    torch.testing.assert_close(bias, bias.mT)
    assert bias[0, 0, 0, 5].item() == pytest.approx(-5 / 16)


# Identities


@pytest.mark.parametrize(
    ("values", "gates"),
    [({**BARE, "scaling": "rezero"}, "alpha"), ({"scaling": "layerscale"}, "gamma")],
)
def test_a_closed_gate_is_the_identity(values, gates):
    torch.manual_seed(0)
    model = build_model(ModelConfig(**SMALL, **values), 7)
    for name, parameter in model.named_parameters():
        if name.endswith(gates):
            if gates == "alpha":
                assert not parameter.any(), "α = 0 at birth"
            parameter.data.zero_()
    trace = model.trace(TOKENS)
    assert torch.equal(trace["blocks.3.resid_post"], trace["embed"])


def test_rezero_s_branches_have_no_gradient_at_step_0():
    torch.manual_seed(0)
    model = build_model(ModelConfig(**SMALL, **BARE, scaling="rezero"), 7)
    F.cross_entropy(model(TOKENS).flatten(0, 1), TOKENS.roll(1).flatten()).backward()
    for name, parameter in model.named_parameters():
        assert ".f." not in name or not parameter.grad.any(), name
    assert all(block.attn.scale.alpha.grad.any() for block in model.blocks)


def test_deepnorm_with_alpha_1_is_post_ln():
    post, deep = (shaken(placement="post", scaling=scaling) for scaling in ("one", "deepnorm"))
    for block in deep.blocks:
        block.attn.skip.alpha = block.mlp.skip.alpha = 1.0
    deep.load_state_dict(post.state_dict())
    assert torch.equal(deep(TOKENS), post(TOKENS))


@pytest.mark.parametrize(("depth", "gamma"), [(1, 0.1), (18, 0.1), (19, 1e-5)])
def test_layerscale_starts_as_published(depth, gamma):
    model = build_model(ModelConfig(depth=depth, width=4, heads=1, scaling="layerscale"), 3)
    assert torch.equal(model.blocks[-1].mlp.scale.gamma, torch.full((4,), gamma))


@pytest.mark.parametrize(
    ("values", "gain"),
    [
        ({"placement": "post", "scaling": "deepnorm"}, 32**-0.25),
        ({"placement": "sublayer"}, math.sqrt(math.log(8))),
    ],
)
def test_gains_of_the_initialisation(values, gain):
    torch.manual_seed(0)
    config = ModelConfig(**{**SMALL, "init": "xavier"}, activation="swiglu")
    plain = dict(build_model(config, 7).named_parameters())
    torch.manual_seed(0)
    config = ModelConfig(**{**SMALL, "init": "xavier", **values}, activation="swiglu")
    other = dict(build_model(config, 7).named_parameters())
    for i in range(4):
        for name in ("attn.f.out", "mlp.f.w_in", "mlp.f.w_gate", "mlp.f.w_out"):
            name = f"blocks.{i}.{name}.weight"
            torch.testing.assert_close(other[name], gain * plain[name])
        name = f"blocks.{i}.attn.f.qkv.weight"
        assert torch.equal(other[name][:24], plain[name][:24])
        torch.testing.assert_close(other[name][24:], gain * plain[name][24:])


@pytest.mark.parametrize("init", choices("model.init"))
def test_admin_s_profile_is_as_published(init):
    """ω² of the next sublayer is the variance of ω x and of F that this one sums, filled on the
    fly; the input of the first one is the embedding itself, however small."""
    torch.manual_seed(0)
    config = ModelConfig(**{**SMALL, "init": init}, placement="post", scaling="admin", dropout=0.1)
    model = build_model(config, 7)
    before = torch.get_rng_state()
    profile(model, TOKENS)
    assert torch.equal(before, torch.get_rng_state())
    assert model.training
    model.eval()
    trace = {n: t.detach() for n, t in model.trace(TOKENS).items()}  # with the ω that it set
    square = 1.0
    for i, block in enumerate(model.blocks):
        for part, incoming in (("attn", "resid_pre"), ("mlp", "resid_mid")):
            omega = getattr(block, part).skip.omega.detach()
            torch.testing.assert_close(omega, torch.full((12,), math.sqrt(square)))
            x, out = trace[f"blocks.{i}.{incoming}"], trace[f"blocks.{i}.{part}.out"]
            square = (omega * x).var(correction=0).item() + out.var(correction=0).item()
    omegas = [block.attn.skip.omega.clone() for block in model.blocks]
    profile(model, TOKENS)  # once more changes nothing
    assert all(torch.equal(a, b.attn.skip.omega) for a, b in zip(omegas, model.blocks, strict=True))


@pytest.mark.parametrize(("init", "low", "high"), [("gpt2", 0.05, 0.2), ("xavier", 2.0, 2.8)])
def test_admin_s_last_omega_at_seven_layers(init, low, high):
    """Not 1 and what follows: under GPT-2's initialisation all that is summed is small."""
    torch.manual_seed(0)
    config = ModelConfig(
        depth=7, width=64, heads=4, context=64, placement="post", scaling="admin", init=init
    )
    model = build_model(config, 65)
    profile(model, torch.randint(65, (8, 64)))
    assert low < model.blocks[-1].mlp.skip.omega[0].item() < high


def test_admin_beside_other_layers():
    """A layer that is not Admin's counts with what its own skip carries."""
    torch.manual_seed(0)
    config = ModelConfig(
        **SMALL, placement="post", scaling="admin", overrides="0: scaling=one; 2: residual=off"
    )
    model = build_model(config, 7)
    profile(model, TOKENS)
    trace = model.trace(TOKENS)

    def var(name):
        return trace[name].var(correction=0).item()

    first = model.blocks[1].attn.skip.omega[0].item()
    assert first == pytest.approx(
        math.sqrt(var("blocks.0.resid_mid") + var("blocks.0.mlp.out")), rel=1e-5
    )
    after = model.blocks[3].attn.skip.omega[0].item()
    assert after == pytest.approx(math.sqrt(var("blocks.2.mlp.out")), rel=1e-5)


@pytest.mark.parametrize("equation", EQUATIONS, ids=lambda e: e.__name__)
@pytest.mark.parametrize("residual", ["on", "off"])
def test_runs_under_autocast_without_warnings(equation, residual):
    values = {"residual": residual, **EQUATIONS[equation]}
    torch.manual_seed(0)
    model = build_model(ModelConfig(**SMALL, **values), 7)
    with warnings.catch_warnings(), torch.autocast("cpu", torch.bfloat16):
        warnings.simplefilter("error")
        fused, seen = model(TOKENS), model.trace(TOKENS)["logits"]
        fused.float().sum().backward()
    torch.testing.assert_close(fused, seen, atol=0.2, rtol=0.1)


# The sum of |weights| and three losses, as they have been since each preset's last change.
BEFORE = {
    "first-minute": (28100.736233, 4.693285, 4.422619, 4.197078),
    "classic": (21004.768106, 4.429358, 4.147173, 3.875001),
    "pre-ln-lives": (51117.767298, 4.657372, 4.308975, 4.081848),
    "post-ln-dies": (51053.767298, 4.718045, 4.4313, 4.214697),
    "nanogpt-cpu": (10595.966995, 4.223504, 3.433617, 3.042099),
}


@pytest.mark.parametrize("name", BEFORE)
def test_presets_are_as_they_were(name):
    size, *losses = BEFORE[name]
    assert measured(name) == pytest.approx((size, *losses), rel=1e-5)


def measured(name: str) -> tuple[float, ...]:
    config = presets.load(name).config
    torch.manual_seed(config.training.seed)
    model = build_model(config.model, 65).eval()
    size = sum(p.detach().double().abs().sum().item() for p in model.parameters())
    tokens = torch.arange(66).view(2, 33) * 7 % 65
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    losses = []
    for _ in range(3):
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (size, *losses)
