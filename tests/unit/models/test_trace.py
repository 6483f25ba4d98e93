"""One forward path: seen equals unseen, the contract's names and shapes, nothing looks ahead."""

import itertools
import random
import re
import warnings

import pytest
import torch

from core.config import ModelConfig, choices
from core.models import build_model

WIRINGS = [(p, n) for p in ("pre", "post", "sandwich") for n in ("layer", "rms")]
WIRINGS += [("none", "none")]
SMALL = {"depth": 2, "width": 8, "heads": 2, "context": 6}
TOKENS = torch.tensor([[0, 3, 1, 4, 1, 5], [2, 6, 5, 3, 5, 0]])


def combinations():
    parts = (choices(f"model.{s}") for s in ("residual", "positions", "activation"))
    for (placement, norm), residual, positions, activation in itertools.product(WIRINGS, *parts):
        yield ModelConfig(
            **SMALL,
            placement=placement,
            norm=norm,
            residual=residual,
            positions=positions,
            activation=activation,
            init="torch",
        )


def test_seen_equals_unseen_everywhere():
    for config in combinations():
        model = build_model(config, 7)
        seen = model.trace(TOKENS)["logits"]
        torch.testing.assert_close(model(TOKENS), seen, atol=1e-5, rtol=0, msg=str(config))
        model.double()
        seen = model.trace(TOKENS)["logits"]
        torch.testing.assert_close(model(TOKENS), seen, atol=1e-12, rtol=0, msg=str(config))


def test_nothing_looks_ahead_and_everything_looks_back():
    for config in combinations():
        model = build_model(config, 7).double()
        changed = TOKENS.clone()
        changed[:, 3] = (changed[:, 3] + 1) % 7
        before, after = model(TOKENS), model(changed)
        assert torch.equal(before[:, :3], after[:, :3]), config
        assert not torch.allclose(before[:, 3], after[:, 3], atol=1e-12), config
        # Without a skip around attention the effect can be tiny, but it is there.
        assert not torch.equal(before[:, 4:], after[:, 4:]), config


def expected_shapes(config: ModelConfig, batch: int, length: int, vocab: int):
    stream = (batch, length, config.width)
    heads = (batch, config.heads, length, config.width // config.heads)
    shapes = {"embed": stream}
    for i in range(config.depth):
        shapes[f"blocks.{i}.resid_pre"] = stream
        for name in "qkv":
            shapes[f"blocks.{i}.attn.{name}"] = heads
        for name in ("scores", "pattern"):
            shapes[f"blocks.{i}.attn.{name}"] = (batch, config.heads, length, length)
        for name in ("attn.out", "attn.sum", "resid_mid"):
            shapes[f"blocks.{i}.{name}"] = stream
        for name in ("pre", "post"):
            shapes[f"blocks.{i}.mlp.{name}"] = (batch, length, config.hidden)
        for name in ("mlp.out", "mlp.sum", "resid_post"):
            shapes[f"blocks.{i}.{name}"] = stream
    return {**shapes, "final_norm.out": stream, "logits": (batch, length, vocab)}


@pytest.mark.parametrize("seed", range(12))
def test_names_and_shapes(seed):
    rng = random.Random(seed)
    placement, norm = rng.choice(WIRINGS)
    heads = rng.choice([1, 2, 3])
    config = ModelConfig(
        depth=rng.randint(1, 4),
        heads=heads,
        width=heads * 2 * rng.randint(1, 5),
        context=rng.randint(2, 9),
        placement=placement,
        norm=norm,
        feedforward_width=rng.choice(["auto", 5]),
        **{s: rng.choice(choices(f"model.{s}")) for s in ("residual", "positions", "activation")},
        bias=rng.random() < 0.5,
    )
    batch, length, vocab = rng.randint(1, 3), rng.randint(1, config.context), rng.randint(2, 9)
    trace = build_model(config, vocab).trace(torch.randint(vocab, (batch, length)))
    shapes = {name: tuple(tensor.shape) for name, tensor in trace.items()}
    assert shapes == expected_shapes(config, batch, length, vocab)
    assert list(shapes) == list(expected_shapes(config, batch, length, vocab)), "in order"


def test_pattern_is_the_masked_softmax_of_scores():
    trace = build_model(ModelConfig(**SMALL, positions="rotary"), 7).trace(TOKENS)
    scores, pattern = (trace[f"blocks.1.attn.{n}"] for n in ("scores", "pattern"))
    later = torch.ones(6, 6, dtype=torch.bool).triu(1)
    assert (scores[..., later] == -torch.inf).all()
    assert scores[..., ~later].isfinite().all()
    assert (pattern[..., later] == 0).all()
    torch.testing.assert_close(pattern.sum(-1), torch.ones(2, 2, 6))
    q, k = trace["blocks.1.attn.q"], trace["blocks.1.attn.k"]
    plain = torch.einsum("bhtd,bhsd->bhts", q, k) / 4**0.5
    torch.testing.assert_close(scores[..., ~later], plain[..., ~later])


def test_what_the_callback_returns_is_what_goes_on():
    model = build_model(ModelConfig(**SMALL), 7)

    def without_head_1(name, tensor):
        if name == "blocks.0.attn.v":
            tensor = tensor.clone()
            tensor[:, 1] = 0
        return tensor

    weight = model.blocks[0].attn.f.out.weight
    ablated = model(TOKENS, without_head_1)
    with torch.no_grad():
        weight[:, 4:] = 0  # W_O reads nothing from head 1
    torch.testing.assert_close(ablated, model(TOKENS))


def test_context_is_the_limit():
    model = build_model(ModelConfig(**SMALL), 7)
    assert model(TOKENS[:, :1]).shape == (2, 1, 7)
    with pytest.raises(ValueError, match=re.escape("model.context: 7 tokens")):
        model(torch.zeros(1, 7, dtype=torch.int64))


def test_runs_under_autocast_without_warnings():
    for config in combinations():
        model = build_model(config, 7)
        with warnings.catch_warnings(), torch.autocast("cpu", torch.bfloat16):
            warnings.simplefilter("error")
            fused, seen = model(TOKENS), model.trace(TOKENS)["logits"]
        assert fused.isfinite().all()
        torch.testing.assert_close(fused, seen, atol=0.2, rtol=0.1)
