"""What collapses with depth, one number a layer: `attention/entropy` and the stream's rank.

Both are read off the trace that the other statistics use, so they cost a millisecond or two.
"""

from __future__ import annotations

import torch
from torch import Tensor

ROWS = 64  # tokens that the rank looks at: its cost grows with their cube


@torch.no_grad()
def profiles(trace: dict[str, Tensor]) -> dict[str, Tensor]:
    """`attention/entropy`, `activation/effective_rank/resid_post` and, where there is attention,
    `activation/token_cosine/resid_pre`, each (L,).

    What the network lacks is left out: attention, or a stream of equal width.
    """
    found: dict[str, Tensor] = {}
    patterns = [v for name, v in trace.items() if name.endswith(".attn.pattern")]
    if patterns:
        found["attention/entropy"] = torch.stack([entropy(pattern) for pattern in patterns])
        inputs = [v for name, v in trace.items() if name.endswith(".resid_pre")]
        if inputs:
            found["activation/token_cosine/resid_pre"] = torch.stack(
                [token_cosine(v.double()).mean() for v in inputs]
            )
    streams = [v for name, v in trace.items() if name.endswith(".resid_post")]
    if streams and all(v.ndim < 4 and v.shape == streams[0].shape for v in streams):
        rows = [v.reshape(-1, v.shape[-1])[:ROWS] for v in streams]
        found["activation/effective_rank/resid_post"] = effective_rank(
            singular_values(torch.stack(rows))
        ).float()
    return found


def entropy(pattern: Tensor) -> Tensor:
    """-Σ A log A in nats, the mean over queries and heads: (..., T, T) -> ().

    Uniform causal attention over T tokens has the mean of log 1, ..., log T: 3.206 at T = 64.
    """
    terms: Tensor = torch.special.entr(pattern.float())
    return terms.sum(-1).mean()


def token_cosine(x: Tensor) -> Tensor:
    """Mean cosine between two different tokens of a sequence, over all pairs, (..., T, D) -> (...).

    1: all tokens point the same way. From the norm of the sum of unit vectors, so it costs no
    (T, T). NaN for a single token.
    """
    unit = torch.nn.functional.normalize(x, dim=-1)
    tokens = x.shape[-2]
    # The squared length of the sum holds every pair twice and each token with itself.
    pairs = unit.sum(-2).square().sum(-1) - unit.square().sum((-2, -1))
    return pairs / (tokens * (tokens - 1) or float("nan"))


def singular_values(x: Tensor) -> Tensor:
    """Singular values of each matrix, largest first, (..., n, d) -> (..., min(n, d)) float64.

    From the smaller of its Gram matrices, a tenth of the work of a decomposition; values below
    1e-8 of the largest are lost in rounding. NaN where a matrix is not finite.
    """
    wide = x.double()
    gram = wide @ wide.mT if x.shape[-2] <= x.shape[-1] else wide.mT @ wide
    finite = gram.isfinite().all(-1).all(-1)[..., None]
    # The decomposition raises on NaN and infinity, which a diverging run has.
    squares = torch.linalg.eigvalsh(gram.where(finite[..., None], 0.0))
    values: Tensor = squares.clamp(min=0).sqrt().flip(-1)
    return values.where(finite, torch.nan)


def effective_rank(values: Tensor) -> Tensor:
    """exp(H(σ / Σσ)) of singular values σ, the entropy H in nats, (..., n) -> (...), from 1 to n.

    Roy and Vetterli 2007, The effective rank, equation 3. NaN where they are, 0 where all are zero.
    """
    total = values.sum(-1, keepdim=True)
    share = values / total.clamp(min=torch.finfo(values.dtype).tiny)
    rank: Tensor = torch.special.entr(share).sum(-1).exp()
    return rank.where(total[..., 0] != 0, 0.0)
