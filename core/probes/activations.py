"""Statistics of every observable on the probe text: `activation/<statistic>/<observable>`.

Over all tokens and features of an observable: `rms`, `mean`, `std`, `kurtosis` (the fourth
standardised moment, 3 for a Gaussian), `max` (largest absolute value), and `dead`, the share of
features that are exactly 0 at every token of the probe text. Observables of the blocks are
gathered over layers and named without ``blocks.{i}.``.
"""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor

from core.metrics import names

STATISTICS = tuple(names.STATISTICS)
HEADS = names.SPLIT_BY_HEADS  # all else of four axes is a feature map
# Quadratic in the context and normalised by themselves: their entropy says more, elsewhere.
LEFT_OUT = ("attn.scores", "attn.pattern")
# Numbers that are measured together: more of them leave the cache, in double precision.
TOGETHER = 2**18
BLOCK = re.compile(r"blocks\.\d+\.(.+)")


@torch.no_grad()
def statistics(trace: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every statistic of every observable of a trace: (L,) for those of the blocks, else ().

    Small observables of one shape are measured together, because launching an operation then costs
    more than the operation.
    """
    found: dict[str, list[Tensor]] = {}  # by observable: one (statistics,) for each layer
    by_shape: dict[tuple[int, ...], list[tuple[str, Tensor]]] = {}
    single = set()
    for name, value in trace.items():
        inside = BLOCK.fullmatch(name)
        observable = inside.group(1) if inside else name
        if observable in LEFT_OUT:
            continue
        if not inside:
            single.add(observable)
        flat = _tokens_by_features(observable, value)
        by_shape.setdefault(tuple(flat.shape), []).append((name, flat))
    measured: dict[str, Tensor] = {}
    for shape, named in by_shape.items():
        together = max(1, TOGETHER // math.prod(shape))
        for start in range(0, len(named), together):
            part = named[start : start + together]
            stacked = torch.stack([value for _, value in part])  # (n, tokens, features)
            columns = _measure(stacked).unbind(1)  # n times (statistics,)
            measured |= {name: column for (name, _), column in zip(part, columns, strict=True)}
    for name in trace:  # in the order of the layers, whatever their shapes
        if name in measured:
            inside = BLOCK.fullmatch(name)
            found.setdefault(inside.group(1) if inside else name, []).append(measured[name])
    return {
        f"activation/{statistic}/{observable}": row[0] if observable in single else row
        for observable, layers in found.items()
        for statistic, row in zip(STATISTICS, torch.stack(layers, 1), strict=True)
    }


def _tokens_by_features(observable: str, value: Tensor) -> Tensor:
    """An observable as (tokens, features), from any of its shapes.

    (B, T, ...) and (B, D) as they are; (B, H, T, d) with the heads side by side; in a feature map
    (B, C, H, W) every place is a token and every channel a feature.
    """
    if observable in HEADS:
        value = value.transpose(1, 2).flatten(2)
    elif value.ndim == 4:
        value = value.movedim(1, -1)
    return value.reshape(-1, value.shape[-1])


def _measure(x: Tensor) -> Tensor:
    """(n, tokens, features) -> (statistics, n) float64.

    In double precision: the mean of a normed stream is what is left of numbers that cancel, and
    fourth powers of what vanishes or explodes leave the range of float32.
    """
    top = x.abs().amax(1).double()  # (n, features), the largest of each feature over the tokens
    dead = (top == 0).double().mean(1)
    flat = x.flatten(1).double()
    rms = torch.linalg.vector_norm(flat, dim=1) / flat.shape[1] ** 0.5
    mean = flat.mean(1)
    squares = (flat - mean[:, None]).square_()
    variance = squares.mean(1)
    kurtosis = squares.square_().mean(1) / variance.square()
    return torch.stack([rms, mean, variance.sqrt(), kurtosis, top.amax(1), dead])
