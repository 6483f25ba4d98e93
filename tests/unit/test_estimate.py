"""The estimates against the networks themselves."""

import random
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from core import estimate
from core.config import NORMS, ModelConfig, RunConfig, choices
from core.models import build_model
from core.models.norms import norm as build_norm

DRAWN = ("residual", "positions", "activation", "sublayers")
NEEDED = {"post": ("deepnorm", "admin"), "pre": ("lns",), "none": ("rezero",)}


def random_config(seed: int, **fixed) -> ModelConfig:
    rng = random.Random(seed)
    heads = rng.choice([1, 2, 4])
    placement = rng.choice(choices("model.placement"))
    values = {s: rng.choice(choices(f"model.{s}")) for s in DRAWN}
    values |= {s: rng.random() < 0.5 for s in ("bias", "head_bias", "tie_embeddings", "causal")}
    values["scaling"] = rng.choice(["one", "gpt2", "layerscale", *NEEDED.get(placement, ())])
    if placement != "none":
        values["qk_norm"] = rng.choice(choices("model.qk_norm"))
        values["embedding_norm"] = rng.random() < 0.3
        values["value_residual"] = rng.random() < 0.3
        if values["scaling"] == "one" and rng.random() < 0.5:
            values["overrides"] = "0: placement=normformer, norm=rms; 0: scaling=layerscale"
    return ModelConfig(
        **{
            **values,
            "depth": rng.randint(1, 5),
            "heads": heads,
            "width": heads * 2 * rng.randint(1, 9),
            "context": rng.randint(1, 50),
            "placement": placement,
            "norm": "none" if placement == "none" else rng.choice(["layer", "rms", "dyt"]),
            "final_norm": "off" if placement == "none" else rng.choice(["auto", "on", "off"]),
            "feedforward_width": rng.choice(["auto", 1, 13]),
            **fixed,
        }
    )


@pytest.mark.parametrize("seed", range(200))
def test_parameters_are_exact(seed):
    config, vocab = random_config(seed), 1 + seed
    model = build_model(config, vocab)
    assert estimate.parameters(config, vocab) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("placement", choices("model.placement"))
@pytest.mark.parametrize("qk_norm", choices("model.qk_norm"))
def test_norms_of_each_sublayer_match_the_blocks(placement, qk_norm):
    none = placement == "none"
    norm, qk_norm = ("none", "off") if none else ("rms", qk_norm)
    config = ModelConfig(
        depth=8, width=16, heads=4, placement=placement, norm=norm, qk_norm=qk_norm
    )
    for layer, block in enumerate(build_model(config, 3).blocks):
        for part, which in (("attn", "attention"), ("mlp", "feedforward")):
            sizes = [
                module.weight.numel()
                for module in getattr(block, part).modules()
                if isinstance(module, torch.nn.RMSNorm)
            ]
            assert sorted(estimate.norm_sizes(config.at(layer), which).values()) == sorted(sizes)


@pytest.mark.parametrize("norm", [n for n in NORMS if n != "none"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_norm_has_the_parameters_it_says(norm, bias):
    built = build_norm(ModelConfig(norm=norm, bias=bias), size=7)
    assert sum(p.numel() for p in built.parameters()) == NORMS[norm].parameters(7, bias)
    assert {n for n, _ in built.named_parameters()} <= {*NORMS[norm].vectors, *NORMS[norm].scalars}


def test_gpt2_small_is_124_million():
    gpt2 = ModelConfig(depth=12, width=768, heads=12, context=1024, tie_embeddings=True)
    assert estimate.parameters(gpt2, 50257) == 124_439_808
    # PaLM's formula: 6 (N - positions, norms, biases) + 12 L D T.
    flops = estimate.flops_per_token(gpt2, 50257)
    assert flops == 6 * (12 * 12 * 768**2 + 50257 * 768) + 12 * 12 * 768 * 1024


@pytest.mark.parametrize("activation", ["relu", "swiglu"])
def test_flops_against_a_counter(activation):
    """torch's own counter, matrix products only, on the unfused path."""
    from torch.utils.flop_counter import FlopCounterMode

    config = ModelConfig(depth=3, width=16, heads=2, context=12, activation=activation)
    model, tokens = build_model(config, 30), torch.randint(30, (2, 12))
    with FlopCounterMode(display=False) as counter:
        logits = model(tokens, lambda name, tensor: tensor)
        F.cross_entropy(logits.flatten(0, 1), tokens.flatten()).backward()
    # Embeddings take no products, and every matrix needs both of its gradients.
    found = counter.get_total_flops() / tokens.numel()
    assert estimate.flops_per_token(config, 30) == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_memory_of_activations(seed, dropout):
    config = random_config(seed, width=64, heads=4, context=32, depth=4, dropout=dropout)
    run = RunConfig(model=config, training={"batch_size": 8})
    model, tokens = build_model(config, 65), torch.randint(65, (8, 32))
    kept: dict[int, int] = {}
    mine = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in mine:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = model(tokens)
        F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
    # The logits themselves and their gradient are held beside what autograd keeps.
    held = sum(kept.values()) + 2 * logits.nbytes
    fixed = 16 * estimate.parameters(config, 65)
    assert 4 * estimate.step_floats(run, 65) - fixed == pytest.approx(held, rel=0.25)


def test_imports_no_torch():
    code = "import sys, core.estimate; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
