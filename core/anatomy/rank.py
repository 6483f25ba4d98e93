"""How many directions a stream has left: participation, residual and distance of representations.

The cosine of its tokens, singular values and effective rank are in `core.probes.depth`.

N windows, T tokens, D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def participation(values: Tensor) -> Tensor:
    """(Σσ²)² / Σσ⁴, (N, n) -> (N,), from 1 to n."""
    squares = values.square()
    return squares.sum(-1).square() / squares.square().sum(-1)


def residual_ratio(x: Tensor) -> Tensor:
    """‖res(X)‖ / ‖X‖ with res(X) = X - 1·(mean over tokens), Frobenius norms, (N, T, D) -> (N,).

    Dong et al. 2021, arXiv 2103.03404: 0 where all tokens are one vector (rank 1).
    """
    x = x.double()
    centred = x - x.mean(1, keepdim=True)
    ratio: Tensor = centred.norm(dim=(-2, -1)) / x.norm(dim=(-2, -1))
    return ratio


def angular_distance(x: Tensor, y: Tensor) -> Tensor:
    """arccos(cosine) / π of two vectors, (..., D) twice -> (...); 0 same, ½ square, 1 opposite.

    Gromov et al. 2024, arXiv 2403.17887, equation 8.
    """
    cosine = torch.nn.functional.cosine_similarity(x.double(), y.double(), dim=-1)
    return cosine.clamp(-1, 1).arccos() / math.pi
