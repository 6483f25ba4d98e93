"""Operating on a network: parts are replaced on a copy, and put back.

B windows, T tokens, H heads, d head size, D width.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from core.anatomy.operations import Operation
from core.models.observe import See, no_observer
from core.models.shared import ValueResidual
from core.models.skips import NoSkip
from core.models.stack import Stack
from core.models.transformer import Transformer

PARTS = {"attention": "attn", "feedforward": "mlp"}
PLACES = {place: f"{place}_norm" for place in ("q", "k", "v", "joined", "hidden")}  # inside F
# Mean output of a sublayer's F, (D,), or of its heads, (H, 1, d), by (target, layer).
Means = dict[tuple[str, int], Tensor]
Replace = Callable[[nn.Module, str, nn.Module], None]


class Gain(nn.Module):
    """c F(x); with c = 0 exactly 0, whatever F gives. F is computed all the same: under value
    residual the first layer's values are read by the others."""

    def __init__(self, f: nn.Module, factor: float) -> None:
        super().__init__()
        self.f, self.factor = f, factor

    def forward(self, x: Tensor, see: See = no_observer) -> Tensor:
        out = self.f(x, see)
        return self.factor * out if self.factor else torch.zeros_like(out)


class Fixed(nn.Module):
    """One vector (D,) in place of F(x) at every position."""

    def __init__(self, f: nn.Module, value: Tensor) -> None:
        super().__init__()
        self.f, self.value = f, value

    def forward(self, x: Tensor, see: See = no_observer) -> Tensor:
        return self.value.expand_as(self.f(x, see))


class HeadGain(nn.Module):
    """c times head h, or a fixed vector (1, d) in its place, after its own scale, (B, H, T, d)."""

    def __init__(self, scale: nn.Module, head: int, factor: float, fixed: Tensor | None) -> None:
        super().__init__()
        self.scale, self.head, self.factor, self.fixed = scale, head, factor, fixed

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.scale(x).clone()
        if self.fixed is not None:
            out[:, self.head] = self.fixed
        elif self.factor == 0:
            out[:, self.head] = 0.0
        else:
            out[:, self.head] *= self.factor
        return out


class SkipGain(nn.Module):
    """skip(c x) + branch; every skip is linear in x."""

    def __init__(self, skip: nn.Module, factor: float) -> None:
        super().__init__()
        self.skip, self.factor = skip, factor

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        y: Tensor = self.skip(self.factor * x, branch)
        return y


class PassBy(nn.Module):
    """The stream without a block; a first block that lends its values is still computed."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        attention = getattr(block, "attn", None)
        values = None if attention is None else _within(attention).values
        lends = isinstance(values, ValueResidual) and values.layer == 0
        self.lender = block if lends else None

    def forward(self, x: Tensor, see: See = no_observer) -> Tensor:
        if self.lender is not None:
            self.lender(x, see)
        return x


@contextlib.contextmanager
def operated(
    model: Transformer, operations: Iterable[Operation], means: Means | None = None
) -> Iterator[Transformer]:
    """The network with these changes made in order; put back as it was afterwards.

    `model` is the caller's own copy. Layers are those of the whole network, wherever a swap has
    moved them. `means` holds what the operations `mean` need; see :func:`mean_outputs`.
    """
    whole = model.blocks
    blocks = list(whole)
    undo: list[tuple[nn.Module, str, nn.Module]] = []

    def replace(owner: nn.Module, name: str, part: nn.Module) -> None:
        undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, part)

    order = list(range(len(blocks)))
    stand_ins = dict(enumerate(blocks))
    try:
        for one in operations:
            if one.action == "swap":
                i, j = order.index(one.layer), order.index(one.layer + 1)
                order[i], order[j] = order[j], order[i]
            elif one.target == "block":
                stand_ins[one.layer] = PassBy(blocks[one.layer])
            elif one.place in ("embedding", "final"):
                replace(model, f"{one.place}_norm", nn.Identity())
            else:
                _operate(blocks[one.layer], one, means or {}, replace)
        model.blocks = Stack((stand_ins[i] for i in order), whole.first)
        yield model
    finally:
        model.blocks = whole
        for owner, name, part in reversed(undo):
            setattr(owner, name, part)


def _operate(block: nn.Module, one: Operation, means: Means, replace: Replace) -> None:
    if one.target == "norm":
        part, _, place = one.place.partition(".")
        sublayer = getattr(block, PARTS[part])
        inside = place in PLACES
        owner, name = (_within(sublayer), PLACES[place]) if inside else (sublayer, place)
        if isinstance(getattr(owner, name), nn.Sequential):  # LNS: the norm, then its constant
            owner, name = getattr(owner, name), "0"
        replace(owner, name, nn.Identity())
    elif one.target == "residual":
        sublayer = getattr(block, PARTS[one.sublayer])
        off = one.action == "off"
        replace(sublayer, "skip", NoSkip() if off else SkipGain(sublayer.skip, one.scale))
    else:
        factor = 0.0 if one.action == "off" else one.scale
        fixed = means[one.target, one.layer] if one.action == "mean" else None
        if one.target == "head":
            f = _within(block.attn)
            vector = None if fixed is None else fixed[one.head]
            replace(f, "head_scale", HeadGain(f.head_scale, one.head, factor, vector))
        else:
            sublayer = getattr(block, PARTS[one.target])
            f = sublayer.f
            replace(sublayer, "f", Gain(f, factor) if fixed is None else Fixed(f, fixed))


def _within(sublayer: Any) -> Any:
    """A sublayer's own F, without what operations have put around it."""
    f: Any = sublayer.f
    while isinstance(f, (Gain, Fixed)):
        f = f.f
    return f


def mean_outputs(
    model: Transformer, operations: Iterable[Operation], batches: Iterable[Tensor]
) -> Means:
    """The outputs that the operation `mean` puts in: means over all windows (B, T) and positions.

    `model` is the caller's own copy, still whole.
    """
    wanted = {(one.target, one.layer) for one in operations if one.action == "mean"}
    sums: Means = {}
    count = 0

    def measure(key: tuple[str, int], head: bool) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: object, out: Tensor) -> None:
            # (B, H, T, d) over windows and positions, (H, 1, d); or (B, T, D), (D,).
            total = out.sum((0, 2), keepdim=True)[0] if head else out.sum((0, 1))
            sums[key] = sums.get(key, 0) + total

        return hook

    hooks = []
    for target, layer in wanted:
        block = model.blocks[layer]
        sublayer = getattr(block, PARTS["attention" if target == "head" else target])
        part = sublayer.f.head_scale if target == "head" else sublayer.f
        hooks.append(part.register_forward_hook(measure((target, layer), target == "head")))
    try:
        for tokens in batches if wanted else ():
            model(tokens)
            count += tokens.numel()
    finally:
        for hook in hooks:
            hook.remove()
    return {key: total / count for key, total in sums.items()}
