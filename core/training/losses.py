"""The training objective itself."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Cross-entropy in nats, (..., V) and (...) -> (); targets of -100 do not count."""
    flat = logits.flatten(0, -2).float()  # (N, V)
    return F.cross_entropy(flat, targets.flatten(), reduction=reduction)
