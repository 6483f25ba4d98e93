"""Paths through the residual network by their length (Veit et al. 2016, arXiv 1605.06431).

Kind ``paths``. N sublayers in order.

**Gradient.** The network unrolls into paths: at every sublayer a path takes the skip or the branch;
its length is how many branches it takes. In the backward pass the gradient of the loss with respect
to the embedding's output is the sum of one term a path, so it is g = Σ_k g_k with g_k from all
paths of length k. Every norm on both ways (post, final) belongs to both. ‖g_k‖ is the Frobenius
norm over all windows and positions.

**Logit.** With every norm after the residual sum frozen (LayerNorm's and RMSNorm's divisor, DyT's
slope tanh(αx)/x, taken as constants), the logits are a sum of what the embedding and each
sublayer's output contribute directly, and of biases. Contribution: to the right token's logit minus
the mean logit, mean over all predictions. What a sublayer writes has itself passed up to as many
branches as there are sublayers before it, and one more: ``depth`` is the largest path length in it.

no arrays
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.loaded_checkpoint import LoadedCheckpoint, sublayers
from core.language import Message
from core.models.block import Sublayer
from core.models.observe import no_observer
from core.models.skips import NoSkip
from core.models.transformer import Transformer
from core.training.objectives import IGNORED

ByLength = dict[int, Tensor]  # a gradient for each path length that occurs


def paths(
    checkpoint: LoadedCheckpoint, asked: parameters.Paths, report: Report
) -> Answer[results.Paths]:
    """Gradient and logit by path length; the module's docstring says what is found."""
    inputs, targets = checkpoint.held_out(asked.windows)
    model = checkpoint.transformer
    layers = list(sublayers(model))
    count = len(layers)
    squares, dots = torch.zeros(count + 1).double(), torch.zeros(count + 1).double()
    whole, loss = 0.0, 0.0
    logit: dict[str, float] = {}
    for done, (x, y) in enumerate(zip(inputs.split(1), targets.split(1), strict=True)):
        report(
            done / len(inputs),
            Message("window {done} of {inputs}", done=done + 1, inputs=len(inputs)),
        )
        by_length, nats = gradients(model, x, y)
        total = torch.stack(list(by_length.values())).sum(0)
        for k, g in by_length.items():
            squares[k] += g.double().square().sum().cpu()
            dots[k] += (g.double() * total).sum().cpu()
        whole += float(total.double().square().sum())
        loss += nats / len(inputs)
        for name, value in contributions(model, x, y).items():
            logit[name] = logit.get(name, 0.0) + value / len(inputs)
    # Each window's gradient is of its own mean loss; of the mean over windows it is 1 / B of it.
    norm = squares.sqrt() / len(inputs)
    sizes = sum(abs(value) for value in logit.values())
    share = norm / norm.sum()
    found: results.Paths = {
        "lengths": list(range(count + 1)),
        "paths": _counts(layers),
        "norm": norm.tolist(),
        "share": share.tolist(),
        "projection": (dots / whole).tolist() if whole else [math.nan] * (count + 1),
        "total": math.sqrt(whole) / len(inputs),
        "mean_length": float((share * torch.arange(count + 1)).sum()),
        "sources": list(logit),
        "depth": [*range(count + 1), None],
        "logit": list(logit.values()),
        "logit_share": [abs(value) / sizes if sizes else math.nan for value in logit.values()],
        "logit_total": sum(logit.values()),
        "loss": loss,
        "windows": len(inputs),
        "step": checkpoint.step,
    }
    return Answer(found)


def _counts(layers: list[tuple[str, Sublayer]]) -> list[float]:
    """Paths of each length: a sublayer without a skip leaves no choice."""
    counts = [1.0]
    for _, sublayer in layers:
        stay = [0.0] * len(counts) if isinstance(sublayer.skip, NoSkip) else counts
        counts = [a + b for a, b in zip([*stay, 0.0], [0.0, *counts], strict=True)]
    return counts


def embedded(model: Transformer, tokens: Tensor) -> Tensor:
    """The stream before the first block, (B, T) -> (B, T, D)."""
    seen: dict[str, Tensor] = {}

    class Enough(Exception):  # noqa: N818 - it ends a forward pass
        pass

    def see(name: str, tensor: Tensor) -> Tensor:
        seen[name] = tensor
        raise Enough

    with contextlib.suppress(Enough):
        model(tokens, see)
    return seen["embed"].detach()


def gradients(model: Transformer, inputs: Tensor, targets: Tensor) -> tuple[ByLength, float]:
    """The gradient of the mean loss at the embedding's output by path length, and the loss.

    (B, T) and (B, T) -> {k: (B, T, D)}. One forward pass keeps each sublayer's graph to itself; the
    backward pass carries one gradient a length through it: the skip keeps the length, the branch
    adds one. Under value residual the first layer's values reach every later branch beside the
    stream; the first layer's attention and the later branch both count.
    """
    back: list[Callable[[ByLength], ByLength]] = []
    lent = Lent()
    x = embedded(model, inputs)
    with torch.enable_grad():
        for _, sublayer in sublayers(model):
            x, step = _through(sublayer, x, model, lent)
            back.append(step)
        model.first.values = None
        x = x.requires_grad_()
        logits = model.head(model.final_norm(x))
        loss = F.cross_entropy(logits.flatten(0, -2), targets.flatten())
        by_length: ByLength = {0: torch.autograd.grad(loss, x)[0]}
    for step in reversed(back):
        by_length = step(by_length)
    return by_length, loss.item()


class Lent:
    """The first layer's values (value residual) as the others read them, and their gradients."""

    def __init__(self) -> None:
        self.values: Tensor | None = None
        self.gradients: ByLength = {}


def _through(
    sublayer: Sublayer, stream: Tensor, model: Transformer, lent: Lent
) -> tuple[Tensor, Callable[[ByLength], ByLength]]:
    """One sublayer forward, and the function that carries gradients back through it."""
    read, skipped = (stream.detach().requires_grad_() for _ in range(2))
    branch = sublayer.scale(sublayer.inner(sublayer.f(sublayer.pre(read), no_observer)))
    lends = None
    if lent.values is None and model.first.values is not None:
        lends = model.first.values  # the first layer has just computed them, from `read`
        lent.values = model.first.values = lends.detach().requires_grad_()
    added = branch.detach().requires_grad_()
    out = sublayer.post(sublayer.skip(skipped, added))

    def back(by_length: ByLength) -> ByLength:
        found: ByLength = {}
        for k, gradient in by_length.items():
            stay, turn = _pull(out, (skipped, added), gradient)
            _add(found, k, stay)
            borrowed = lent.values if lends is None else None
            if turn is not None:
                inside, values = _pull(branch, (read, borrowed), turn)
                _add(found, k + 1, inside)
                _add(lent.gradients, k + 1, values)
        if lends is not None:
            for k, gradient in lent.gradients.items():
                _add(found, k + 1, _pull(lends, (read, None), gradient)[0])
        return found

    return out.detach(), back


def _pull(
    output: Tensor, leaves: tuple[Tensor, Tensor | None], gradient: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """The gradient at each leaf; None where the output does not depend on it."""
    if not output.requires_grad:
        return None, None
    present = [leaf for leaf in leaves if leaf is not None]
    found = torch.autograd.grad(output, present, gradient, retain_graph=True, allow_unused=True)
    return (found[0], found[1] if len(found) > 1 else None)


def _add(by_length: ByLength, k: int, gradient: Tensor | None) -> None:
    if gradient is not None:
        by_length[k] = by_length[k] + gradient if k in by_length else gradient


# The logits as a sum.


@torch.no_grad()
def contributions(model: Transformer, inputs: Tensor, targets: Tensor) -> dict[str, float]:
    """Terms of (right logit - mean logit) by source, mean over predictions; they sum to it.

    Sources: "embed", each sublayer, "bias" (of the norms after the sum and of the head).
    """
    x = embedded(model, inputs)
    parts = {"embed": x, "bias": torch.zeros_like(x)}
    for name, sublayer in sublayers(model):
        branch = sublayer.scale(sublayer.inner(sublayer.f(sublayer.pre(x), no_observer)))
        nothing = torch.zeros_like(x)
        # A skip is linear in x: what it keeps of the sum it keeps of every part.
        parts = {source: sublayer.skip(part, nothing) for source, part in parts.items()}
        parts[name] = branch
        x = sublayer.skip(x, branch)
        parts, x = _normed(sublayer.post, parts, x)
    model.first.values = None
    parts, _ = _normed(model.final_norm, parts, x)
    weight = model.head.weight  # (V, D)
    counts = targets != IGNORED  # (B, T), N of them
    targets = targets[counts]
    direction = weight[targets] - weight.mean(0)  # (N, D)
    found = {name: float((part[counts] * direction).sum(-1).mean()) for name, part in parts.items()}
    if model.head.bias is not None:
        bias = model.head.bias
        found["bias"] += float((bias[targets] - bias.mean()).mean())
    return {**{name: found[name] for name in found if name != "bias"}, "bias": found["bias"]}


def _normed(
    norm: nn.Module, parts: dict[str, Tensor], x: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """The parts of x after a norm whose statistics are taken from x as constants."""
    if isinstance(norm, nn.Identity):
        return parts, x
    linear, bias = _frozen(norm, x)
    after = {source: linear(part) for source, part in parts.items()}
    after["bias"] = after["bias"] + bias
    return after, norm(x)


def _frozen(norm: nn.Module, x: Tensor) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """A norm around x as a linear map and a constant: map(x) + constant = norm(x)."""
    if isinstance(norm, nn.LayerNorm):
        scale = norm.weight / (x.var(-1, keepdim=True, correction=0) + norm.eps).sqrt()
        zero = norm.bias if norm.bias is not None else torch.zeros_like(norm.weight)
        return lambda part: (part - part.mean(-1, keepdim=True)) * scale, zero
    zero = norm(torch.zeros_like(x))
    slope = torch.where(x == 0, 0.0, (norm(x) - zero) / x)  # RMSNorm: g / rms; DyT: γ tanh(αx)/x
    return lambda part: part * slope, zero
