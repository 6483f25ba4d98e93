"""How many directions a stream has left: similarity, rank and distance of representations.

N windows, T tokens, D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def similarity(x: Tensor) -> Tensor:
    """Mean cosine between two different tokens of a window, over all pairs, (N, T, D) -> (N,).

    1: all tokens point the same way. NaN with a single token.
    """
    tokens = x.shape[1]
    unit = torch.nn.functional.normalize(x.double(), dim=-1)
    # The squared length of the sum holds every pair twice and each token with itself.
    own = unit.square().sum((-1, -2))
    both = unit.sum(1).square().sum(-1) - own
    return both / (tokens * (tokens - 1)) if tokens > 1 else torch.full_like(both, math.nan)


def singular_values(x: Tensor) -> Tensor:
    """Singular values of each window, largest first, (N, T, D) -> (N, min(T, D)) float64.

    From the smaller of its Gram matrices, a tenth of the work of a decomposition; values below
    1e-8 of the largest are lost in rounding.
    """
    x = x.double()
    gram = x @ x.mT if x.shape[1] <= x.shape[2] else x.mT @ x
    if not gram.isfinite().all():
        return gram.new_full(gram.shape[:2], math.nan)
    squares: Tensor = torch.linalg.eigvalsh(gram)
    return squares.clamp(min=0).sqrt().flip(-1)


def effective_rank(values: Tensor) -> Tensor:
    """exp(H(σ / Σσ)) with the entropy H in nats, (N, n) -> (N,), from 1 to n.

    Roy & Vetterli 2007, The effective rank, equation 3.
    """
    share = values / values.sum(-1, keepdim=True)
    terms: Tensor = torch.special.entr(share)
    return terms.sum(-1).exp()


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
