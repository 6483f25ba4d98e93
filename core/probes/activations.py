"""Statistics of every observable on the probe text: `activation/<statistic>/<observable>`.

Over all tokens and features of an observable: `rms`, `mean`, `std`, `kurtosis` (the fourth
standardised moment, 3 for a Gaussian), `max` (largest absolute value), and `dead`, the share of
features that are exactly 0 at every token of the probe text. Observables of the blocks are
gathered over layers and named without ``blocks.{i}.``.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from core.metrics import names

STATISTICS = tuple(names.STATISTICS)
HEADS = names.SPLIT_BY_HEADS  # all else of four axes is a feature map
# Quadratic in the context and normalised by themselves: their entropy says more, elsewhere.
LEFT_OUT = ("attn.scores", "attn.pattern")
BLOCK = re.compile(r"blocks\.\d+\.(.+)")


@torch.no_grad()
def statistics(trace: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every statistic of every observable of a trace: (L,) for those of the blocks, else ().

    Observables of one shape are measured together, because at this size launching an operation
    costs more than the operation.
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
    for named in by_shape.values():
        stacked = torch.stack([value for _, value in named])  # (n, tokens, features)
        columns = _measure(stacked.float()).unbind(1)  # n times (statistics,)
        measured |= {name: column for (name, _), column in zip(named, columns, strict=True)}
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
    """(n, tokens, features) -> (statistics, n)."""
    flat = x.flatten(1)
    mean = flat.mean(1)
    centred = flat - mean[:, None]
    squares = centred.square()
    variance = squares.mean(1)
    kurtosis = squares.square().mean(1) / variance.square()
    top = x.abs().amax(1)  # (n, features), the largest of each feature over the tokens
    dead = (top == 0).float().mean(1)
    # The mean of squares and not variance + mean²: no cancellation when the stream is one value.
    rms = flat.square().mean(1).sqrt()
    return torch.stack([rms, mean, variance.sqrt(), kurtosis, top.amax(1), dead])
