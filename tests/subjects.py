"""Checkpoints to look at, made in a moment, and networks with every kind of wiring."""

from __future__ import annotations

import random
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from core.anatomy import KINDS
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.parameters import Parameters
from core.config import PLACEMENTS, ModelConfig
from core.config.wiring import SCALINGS
from core.models import build_model
from core.runs import Run, RunStore
from core.training.control import NullControl
from core.training.trainer import Trainer
from tests.conftest import small

VOCABULARY = 11


def trained(store: RunStore, steps: int = 4, **changes: object) -> Run:
    """A run that was trained in this process, with a checkpoint at its end."""
    plain = {"training__evaluate_every": 0, "training__checkpoint_every": 0, "probes__every": 0}
    run = store.create(small(**{**plain, "training__steps": steps, **changes}))
    Trainer(run, NullControl()).train()
    return run


def subject_of(store: RunStore, steps: int = 4, **changes: object) -> LoadedCheckpoint:
    """The last checkpoint of such a run."""
    run = trained(store, steps, **changes)
    return LoadedCheckpoint(run, run.checkpoints[-1])


def asking(kind: str, values: dict[str, Any]) -> Parameters:
    """An analysis's parameters, beyond their limits too."""
    return KINDS[kind].parameters.model_construct(**values)


def wirings(count: int, seed: int = 0, **fixed: Any) -> list[ModelConfig]:
    """Random possible Transformers: every placement once, then whatever comes."""
    rng, found = random.Random(seed), []
    while len(found) < count:
        placement = list(PLACEMENTS)[len(found) % len(PLACEMENTS)]
        values = {
            "depth": rng.randint(2, 4),
            "heads": 2,
            "width": 8,
            "context": 6,
            "placement": placement,
            "norm": "none" if placement == "none" else rng.choice(["layer", "rms", "dyt"]),
            "scaling": rng.choice(list(SCALINGS)),
            "residual": rng.choice(["on", "on", "on", "off", "attention", "feedforward"]),
            "positions": rng.choice(["learned", "sinusoidal", "rotary", "alibi", "none"]),
            "activation": rng.choice(["relu", "gelu", "swiglu"]),
            "qk_norm": rng.choice(["off", "head", "width"]),
            **{
                name: rng.random() < 0.5
                for name in ("bias", "head_bias", "tie_embeddings", "embedding_norm", "causal")
            },
            "value_residual": rng.random() < 0.4,
            **fixed,
        }
        try:
            found.append(ModelConfig.model_validate(values))
        except ValidationError:
            continue
    return found


def network(config: ModelConfig, seed: int = 0) -> nn.Module:
    """The network in float64, every parameter moved away from its first value."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(seed)
        model = build_model(config, VOCABULARY).double().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    finally:
        torch.set_default_dtype(before)
    return model


def some_tokens(config: ModelConfig, windows: int = 3, seed: int = 1) -> torch.Tensor:
    """(B, T) of the whole context."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(VOCABULARY, (windows, config.context), generator=generator)
