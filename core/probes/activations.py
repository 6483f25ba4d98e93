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

STATISTICS = ("rms", "mean", "std", "kurtosis", "max", "dead")
# Quadratic in the context and normalised by themselves: their entropy says more, elsewhere.
LEFT_OUT = ("attn.scores", "attn.pattern")
BLOCK = re.compile(r"blocks\.\d+\.(.+)")


@torch.no_grad()
def statistics(trace: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every statistic of every observable of a trace: (L,) for those of the blocks, else ().

    Observables of one shape are measured together, because at this size launching an operation
    costs more than the operation.
    """
    layers: dict[str, list[Tensor]] = {}
    for name, value in trace.items():
        inside = BLOCK.fullmatch(name)
        observable = inside.group(1) if inside else name
        if observable not in LEFT_OUT:
            layers.setdefault(observable, []).append(_tokens_by_features(value))
    by_shape: dict[tuple[int, ...], list[str]] = {}
    for observable, values in layers.items():
        by_shape.setdefault(tuple(values[0].shape), []).append(observable)
    found: dict[str, Tensor] = {}
    for observables in by_shape.values():
        stacked = torch.stack([v for o in observables for v in layers[o]])  # (n, tokens, features)
        measured = _measure(stacked.float())  # (statistics, n)
        start = 0
        for observable in observables:
            end = start + len(layers[observable])
            single = not any(BLOCK.fullmatch(n) and n.endswith(f".{observable}") for n in trace)
            for statistic, row in zip(STATISTICS, measured, strict=True):
                values_ = row[start] if single else row[start:end]
                found[f"activation/{statistic}/{observable}"] = values_
            start = end
    return found


def _tokens_by_features(value: Tensor) -> Tensor:
    """(B, T, ...) or (B, H, T, d) as (tokens, features)."""
    if value.ndim == 4:  # heads side by side are the features of a token
        value = value.transpose(1, 2)
    return value.reshape(value.shape[0] * value.shape[1], -1)


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
