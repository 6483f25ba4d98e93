"""Parts of several networks of equal shapes, side by side as one. M members, D width.

What differs between members (norms, skips, scales) is computed member by member, or for all
neighbours of one kind at once; nothing is computed for a member that its own network lacks, so a
part that is off can't spoil a number of it, not even an infinite one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models.norms.rms import RMSNorm
from core.models.scales import Constant, LayerScale, ReZero
from core.models.skips import Add, Admin, DeepNorm, NoSkip

# The same parameter of neighbouring members, stacked: (M, ...).
Stacked = Callable[[Sequence[nn.Parameter]], Tensor]
Part = Callable[..., Tensor]


def site(modules: Sequence[nn.Module], stacked: Stacked) -> Part:
    """The members' modules of one place in the network as one: (M, ..., D), ... -> (M, ..., D)."""
    kinds = [(kind, [*group]) for kind, group in groupby(modules, kind_of)]
    parts = [_of_one_kind(kind[0], group, stacked) for kind, group in kinds]
    if len(parts) == 1:
        return parts[0]
    sizes = [len(group) for _, group in kinds]

    def each(*inputs: Tensor) -> Tensor:
        pieces = zip(*(x.split(sizes) for x in inputs), strict=True)
        return torch.cat([part(*one) for part, one in zip(parts, pieces, strict=True)])

    return each


def kind_of(module: nn.Module) -> tuple[Any, ...]:
    """What two modules have in common that can be computed together."""
    kind: tuple[Any, ...] = (type(module),)
    if isinstance(module, nn.LayerNorm | nn.RMSNorm):
        kind += (module.normalized_shape, module.eps, getattr(module, "bias", None) is None)
    elif isinstance(module, nn.Sequential):
        kind += tuple(kind_of(child) for child in module)
    elif isinstance(module, Constant):
        kind += (module.factor,)
    elif isinstance(module, DeepNorm):
        kind += (module.alpha,)
    return kind


def _of_one_kind(kind: type, modules: Sequence[nn.Module], stacked: Stacked) -> Part:
    if kind in (nn.Identity, Add, NoSkip, Constant, DeepNorm):  # without a parameter, of any shape
        return modules[0]
    if kind is nn.Sequential:
        steps = [site(same, stacked) for same in zip(*modules, strict=True)]
        return lambda x: _chained(steps, x)
    if len(modules) > 1 and kind in STACKED:
        return STACKED[kind](modules, stacked)
    return lambda *inputs: torch.stack(
        [one(*mine) for one, *mine in zip(modules, *inputs, strict=True)]
    )


def _chained(steps: Sequence[Part], x: Tensor) -> Tensor:
    for step in steps:
        x = step(x)
    return x


def over_features(vectors: Tensor, x: Tensor) -> Tensor:
    """A vector for each member, (M, D), in the shape that x, (M, ..., D), is multiplied with."""
    return vectors.view(len(vectors), *[1] * (x.ndim - 2), vectors.shape[-1])


def _layer_norm(modules: Sequence[Any], stacked: Stacked) -> Part:
    shape, epsilon = modules[0].normalized_shape, modules[0].eps
    gain = stacked([one.weight for one in modules])
    bias = None if modules[0].bias is None else stacked([one.bias for one in modules])

    def norm(x: Tensor) -> Tensor:
        normed = F.layer_norm(x, shape, eps=epsilon)
        if bias is None:
            return normed * over_features(gain, x)
        return torch.addcmul(over_features(bias, x), normed, over_features(gain, x))

    return norm


def _rms_norm(modules: Sequence[Any], stacked: Stacked) -> Part:
    shape, epsilon = modules[0].normalized_shape, modules[0].eps
    gain = stacked([one.weight for one in modules])
    return lambda x: F.rms_norm(x.to(gain.dtype), shape, eps=epsilon) * over_features(gain, x)


def _scale(name: str) -> Callable[[Sequence[Any], Stacked], Part]:
    def of(modules: Sequence[Any], stacked: Stacked) -> Part:
        factors = stacked([getattr(one, name) for one in modules])
        return lambda x: x * over_features(factors, x)

    return of


def _admin(modules: Sequence[Any], stacked: Stacked) -> Part:
    omega = stacked([one.omega for one in modules])
    return lambda x, branch: over_features(omega, x) * x + branch


# Computed for all neighbours of one kind at once; others, and norms to come, one after the other.
STACKED: dict[type, Callable[[Sequence[Any], Stacked], Part]] = {
    nn.LayerNorm: _layer_norm,
    RMSNorm: _rms_norm,
    ReZero: _scale("alpha"),
    LayerScale: _scale("gamma"),
    Admin: _admin,
}


def linear(modules: Sequence[Any], stacked: Stacked) -> Part:
    """x Wᵀ + b of each member, (M, B, T, in) -> (M, B, T, out)."""
    weight = stacked([one.weight for one in modules])  # (M, out, in)
    bias = None if modules[0].bias is None else stacked([one.bias for one in modules])

    def product(x: Tensor) -> Tensor:
        flat = x.flatten(1, 2)  # (M, B T, in)
        if bias is None:
            y = torch.bmm(flat, weight.mT)
        else:
            y = torch.baddbmm(bias[:, None], flat, weight.mT)
        return y.view(*x.shape[:3], -1)

    return product
