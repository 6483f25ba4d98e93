"""The estimates against the networks themselves."""

import random
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from core import estimate
from core.config import ModelConfig, RunConfig, choices
from core.models import build_model
from core.models.block import PLACEMENTS


def random_config(seed: int, **fixed) -> ModelConfig:
    rng = random.Random(seed)
    heads = rng.choice([1, 2, 4])
    placement = rng.choice(choices("model.placement"))
    values = {s: rng.choice(choices(f"model.{s}")) for s in ("residual", "positions", "activation")}
    values |= {s: rng.random() < 0.5 for s in ("bias", "head_bias", "tie_embeddings")}
    return ModelConfig(
        **{
            **values,
            "depth": rng.randint(1, 5),
            "heads": heads,
            "width": heads * 2 * rng.randint(1, 9),
            "context": rng.randint(1, 50),
            "placement": placement,
            "norm": "none" if placement == "none" else rng.choice(["layer", "rms"]),
            "final_norm": "off" if placement == "none" else rng.choice(["auto", "on", "off"]),
            "feedforward_width": rng.choice(["auto", 1, 13]),
            **fixed,
        }
    )


@pytest.mark.parametrize("seed", range(60))
def test_parameters_are_exact(seed):
    config, vocab = random_config(seed), 1 + seed
    model = build_model(config, vocab)
    assert estimate.parameters(config, vocab) == sum(p.numel() for p in model.parameters())


def test_norms_per_sublayer_match_the_blocks():
    assert {p: len(v) for p, v in PLACEMENTS.items()} == estimate.NORMS_PER_SUBLAYER


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
    assert estimate.memory_bytes(run, 65) - fixed == pytest.approx(held, rel=0.25)


def test_imports_no_torch():
    code = "import sys, core.estimate; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
