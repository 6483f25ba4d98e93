"""What the training loop and its hooks share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from core.config import ModelConfig
from core.training.timing import Pace, Stopwatch


@dataclass
class TrainingState:
    """Where a run stands: the network θ_s after s updates, and how long that took."""

    step: int
    model: nn.Module
    optimizer: torch.optim.Optimizer
    wiring: ModelConfig  # as it is now; layers may have been rewired since the start
    stopwatch: Stopwatch
    pace: Pace
    diverged_at: int | None = None
