"""Attention patterns of the probe text, as they are kept in a run's snapshots."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def present(trace: dict[str, Tensor]) -> bool:
    """Whether the network has attention at all."""
    return any(name.endswith(".attn.pattern") for name in trace)


def patterns(trace: dict[str, Tensor]) -> np.ndarray:
    """The patterns of the first sequence of a trace, (L, H, T, T) float16 on the processor.

    Synchronises with the device.
    """
    layers = [v[0] for name, v in trace.items() if name.endswith(".attn.pattern")]
    return torch.stack(layers).to(torch.float16).cpu().numpy()
