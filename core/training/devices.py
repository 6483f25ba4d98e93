"""Where a run trains, and in which precision."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor

from core.config import RunConfig
from core.runs import RunError


def choose_device(config: RunConfig) -> torch.device:
    """The device of `training.device`. Raises RunError when CUDA is asked for and absent."""
    wish = config.training.device
    if wish == "cuda" and not torch.cuda.is_available():
        raise RunError("training.device: there is no CUDA GPU here; accepted: auto, cpu")
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wish)


def to_device(part: Tensor, device: torch.device) -> Tensor:
    """A batch's tensor on the device, copied while the processor goes on."""
    if device.type == "cuda":
        return part.pin_memory().to(device, non_blocking=True)
    return part


def precision(wish: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Autocast to bfloat16, or nothing, as `training.precision` says."""
    if wish == "float32" or (wish == "auto" and device.type == "cpu"):
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
