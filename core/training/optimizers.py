"""AdamW and its learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from core.config import OptimizerConfig

FINAL_SHARE = 0.1  # of the peak, where the cosine ends (nanoGPT's min_lr)


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW (arXiv 1711.05101), fused; matrices and embeddings decay, biases and gains do not."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return adamw(
        [p for p in parameters if p.ndim >= 2], [p for p in parameters if p.ndim < 2], config
    )


def adamw(
    decaying: Sequence[nn.Parameter], others: Sequence[nn.Parameter], config: OptimizerConfig
) -> torch.optim.AdamW:
    """AdamW of parameters that decay and of those that don't; a list may be empty."""
    groups = [
        {"params": [*decaying], "weight_decay": config.weight_decay},
        {"params": [*others], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [g for g in groups if g["params"]],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        fused=True,
    )


def learning_rate(config: OptimizerConfig, step: int, steps: int) -> float:
    """The rate of a step: a linear rise over the warm-up, then constant or a cosine.

    The first step of a warm-up of n steps has 1/(n + 1) of the peak, so no step is lost to 0.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / (config.warmup_steps + 1)
    if config.schedule == "constant":
        return config.learning_rate
    progress = (step - config.warmup_steps) / (steps - config.warmup_steps)
    share = FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * progress))
    return config.learning_rate * share
