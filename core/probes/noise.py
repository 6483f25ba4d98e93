"""The gradient noise scale: the batch size above which larger batches help less and less."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from core.language import Message


def noise_scale(small: Iterable[Iterable[Tensor]], examples: int) -> dict[str, Tensor]:
    """B_simple = tr Σ / |G|² of gradients of equal parts of a batch, each of so many `examples`.

    McCandlish et al. 2018, arXiv 1812.06162, equation 2.9 and appendix A.1: with g a part's
    gradient and ḡ the mean of all n parts, |g|² averages to |G|² + tr Σ / b and |ḡ|² to
    |G|² + tr Σ / (n b), which gives unbiased

    - `gradient_noise/signal`, |G|², the squared norm of the true gradient,
    - `gradient_noise/variance`, tr Σ, the variance of one example's gradient,
    - `gradient_noise/scale`, their quotient in examples; NaN where |G|² is not above zero, the
      noise then hides the gradient.

    Takes two parts or more, one after the other, and keeps one sum of them. All (), float64.
    """
    total: list[Tensor] = []
    squares: list[Tensor] = []
    for gradients in small:
        own = [g.detach() for g in gradients]
        squares.append(squared(own))
        if total:
            torch._foreach_add_(total, own)
        else:
            total = [g.clone() for g in own]
    parts = len(squares)
    if parts < 2:
        raise ValueError(Message("the noise scale needs two parts or more"))
    one, whole = torch.stack(squares).mean(), squared(total) / parts**2
    signal = (parts * whole - one) / (parts - 1)
    variance = (one - whole) * examples / (1 - 1 / parts)
    scale = (variance / signal).where(signal > 0, torch.nan)
    return {
        "gradient_noise/scale": scale,
        "gradient_noise/variance": variance,
        "gradient_noise/signal": signal,
    }


def squared(tensors: list[Tensor]) -> Tensor:
    """The squared norm of all of them together, () float64."""
    return (
        torch.stack([torch.linalg.vector_norm(x, dtype=torch.float64) for x in tensors])
        .pow(2)
        .sum()
    )
