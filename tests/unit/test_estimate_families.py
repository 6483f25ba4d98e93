"""The estimates of feed-forward networks and ResNets against the networks themselves."""

from __future__ import annotations

import random

import pytest
import torch
from torch.nn import functional as F

from core import estimate, estimate_resnet
from core.config import IMAGES, RunConfig, Shape, choices
from core.models import build_model
from core.models.resnet import STAGES

SHAPES = [*IMAGES.items(), ("digits", Shape(2, 37, 50))]


def random_run(seed: int, family: str) -> tuple[RunConfig, Shape | None]:
    """Possible settings of a family, and the image that it reads (which may be of any shape)."""
    rng = random.Random(seed)
    norm = rng.choice(["layer", "rms", "dyt", "none"] if family == "mlp" else NORMS)
    model = {
        "family": family,
        "residual": rng.choice(["on", "off"]),
        "norm": norm,
        "width": rng.randint(1, 12),
        "head_bias": rng.random() < 0.5,
        "init": rng.choice(choices("model.init")),
    }
    corpus, image = rng.choice(SHAPES)
    if family == "resnet":
        model["blocks_per_stage"] = rng.randint(1, 3)
        model["stem"] = rng.choice(["auto", "large", "small"])
    else:
        placements = ["pre", "post", "sandwich", "reordered", "sublayer", "mix"]
        model |= {
            "placement": "none" if norm == "none" else rng.choice(placements),
            "depth": rng.randint(1, 6),
            "activation": rng.choice(choices("model.activation")),
            "bias": rng.random() < 0.5,
            "feedforward_width": rng.choice(["auto", 5]),
            "scaling": rng.choice(["one", "gpt2", "layerscale"]),
        }
        if rng.random() < 0.5:
            corpus, image = "python-reference", None
            model["context"] = rng.randint(1, 20)
    return RunConfig.model_validate({"model": model, "data": {"corpus": corpus}}), image


NORMS = ["batch", "group", "layer", "none"]


def inputs_for(config: RunConfig, image: Shape | None, vocab: int, batch: int) -> torch.Tensor:
    if image is None:
        return torch.randint(vocab, (batch, config.model.context))
    return torch.randn(batch, *image)


@pytest.mark.parametrize("family", ["mlp", "resnet"])
@pytest.mark.parametrize("seed", range(40))
def test_parameters_are_exact_and_every_network_runs(family, seed):
    config, image = random_run(seed, family)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    vocab = 2 + seed
    model = build_model(config.model, vocab, image)
    expected = sum(p.numel() for p in model.parameters())
    assert estimate.parameters(config.model, vocab, image) == expected
    trace = model.trace(inputs_for(config, image, vocab, 3))
    assert trace["logits"].shape == (3, vocab)
    assert trace["logits"].isfinite().all()
    count = sum(name.endswith(".resid_post") for name in trace)
    assert count == config.model.blocks == len(model.blocks)
    torch.nn.functional.cross_entropy(trace["logits"], torch.tensor([0, 1, 1])).backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("family", ["mlp", "resnet"])
@pytest.mark.parametrize("seed", range(10))
def test_flops_against_a_counter(family, seed):
    from torch.utils.flop_counter import FlopCounterMode

    config, image = random_run(seed, family)
    model, inputs = build_model(config.model, 30, image), inputs_for(config, image, 30, 2)
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(model(inputs), torch.tensor([1, 2])).backward()
    found = counter.get_total_flops() / 2
    assert estimate.flops_per_token(config.model, 30, image) == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize("family", ["mlp", "resnet"])
@pytest.mark.parametrize("seed", range(10))
def test_memory_of_activations(family, seed):
    config, image = random_run(seed, family)
    wide = {"width": 32, "activation": "relu"} if family == "mlp" else {"width": 16}
    model_config = config.model.model_copy(update=wide)
    model, inputs = build_model(model_config, 10, image), inputs_for(config, image, 10, 16)
    kept: dict[int, int] = {}
    mine = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in mine:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = model(inputs)
        F.cross_entropy(logits, torch.zeros(16, dtype=torch.int64))
    held = (sum(kept.values()) + 2 * logits.nbytes) / 16 / 4
    floats = estimate.kept_floats(model_config, 10, image).all
    assert floats == pytest.approx(held, rel=0.25)


def test_both_know_the_same_stages():
    assert estimate_resnet.STAGES == STAGES
