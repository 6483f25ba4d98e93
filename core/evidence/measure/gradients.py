"""Gradients at initialisation: by layer, by depth, of queries and keys, and between inputs."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional as F

from core.evidence.claim import Measured
from core.evidence.measure.networks import (
    DEPTHS,
    LETTERS,
    Lab,
    backward,
    curve,
    network,
    points,
    slope,
)
from core.language import Message, mark

Layer = tuple[float, float, float]


def by_layer(seed: int, depth: int, **values: Any) -> list[Layer]:
    """‖∂L/∂W‖ of W_Q, W_V and the second feed-forward matrix, layer by layer."""
    model = network(seed, depth, **values)
    backward(model)
    norms = []
    for block in model.blocks:
        q, _, v = block.attn.f.qkv.weight.grad.chunk(3)
        norms.append(
            (q.norm().item(), v.norm().item(), block.mlp.f.w_out.weight.grad.norm().item())
        )
    return norms


def theorem_1(lab: Lab) -> Measured:
    """`pre` and `post`: the slope of log ‖∂L/∂W2_last‖ against log L, by seed."""
    depths = (4, 8, 16, 32)
    values, series = {}, []
    names = {"pre": "pre-LN", "post": "post-LN"}
    for n, (placement, name) in enumerate(names.items()):
        rows = []
        for i, seed in enumerate(lab.seeds):
            lab.report((n + i / len(lab.seeds)) / 2)
            rows.append([by_layer(seed, depth, placement=placement)[-1][2] for depth in depths])
        values[placement] = [slope(depths, row) for row in rows]
        series.append(points(name, depths, rows))
    start = series[0].y[0]
    law = [start * math.sqrt(depths[0] / depth) for depth in depths]
    flat = curve(mark("flat"), depths, [series[1].y[0]] * len(depths))
    return Measured(values, [*series, curve("1/√L", depths, law), flat])


def last_over_first(lab: Lab, wiring: str) -> Measured:
    """`ratio-6`, `ratio-12`, `ratio-24`: ‖∂W2‖ of the last layer over that of the first."""
    values: dict[str, list[float]] = {}
    series = []
    for n, depth in enumerate(DEPTHS):
        rows = []
        for seed in lab.seeds:
            lab.report(n / len(DEPTHS))
            rows.append([layer[2] for layer in by_layer(seed, depth, wiring=wiring)])
        values[f"ratio-{depth}"] = [row[-1] / row[0] for row in rows]
        series.append(points(Message("{n} layers", n=depth), range(1, depth + 1), rows))
    return Measured(values, series[::-1])


def flatness(lab: Lab) -> Measured:
    """`deepnorm`, `pre`, `post`: the largest ‖∂W2‖ of 24 layers over the smallest."""
    depth, series = 24, []
    values: dict[str, list[float]] = {}
    names = {"deepnorm": "DeepNorm", "pre": "pre-LN", "post": "post-LN"}
    for key, wiring in names.items():
        rows = [[layer[2] for layer in by_layer(seed, depth, wiring=wiring)] for seed in lab.seeds]
        values[key] = [max(row) / min(row) for row in rows]
        scaled = [[v / max(row) for v in row] for row in rows]
        series.append(points(Message(wiring), range(1, depth + 1), scaled))
    return Measured(values, series)


def starvation(lab: Lab) -> Measured:
    """`pre`, `post`, `none`: ‖∂W_Q‖/‖∂W_V‖ in the last of 24 layers."""
    depth, series = 24, []
    values: dict[str, list[float]] = {}
    names = {"pre": "pre-LN", "post": "post-LN", "none": mark("no residual")}
    for key, wiring in names.items():
        rows = []
        for seed in lab.seeds:
            lab.report(len(values) / len(names))
            rows.append([q / v for q, v, _ in by_layer(seed, depth, wiring=wiring)])
        values[key] = [row[-1] for row in rows]
        series.append(points(Message(wiring), range(1, depth + 1), rows))
    return Measured(values, series)


LAG, STEPS = 8, 64


def shattered(lab: Lab) -> Measured:
    """`pre`, `post`, `none`: the correlation of input gradients 8 steps apart at 24 layers;
    `gained`: that of pre-LN minus that without residual connections.

    A line of inputs: the embeddings of two texts, mixed in 64 even steps; the gradient of the loss
    with respect to the embedding at each; the correlation of those 8 steps apart.
    """
    depths = (2, 8, 24)
    names = {"pre": "pre-LN", "post": "post-LN", "none": mark("no residual")}
    found: dict[str, list[list[float]]] = {key: [] for key in names}
    for i, seed in enumerate(lab.seeds):
        for key, wiring in names.items():
            lab.report(i / len(lab.seeds))
            found[key].append([_correlation(seed, depth, wiring) for depth in depths])
    values = {key: [row[-1] for row in rows] for key, rows in found.items()}
    values["gained"] = [p - n for p, n in zip(values["pre"], values["none"], strict=True)]
    return Measured(
        values, [points(Message(names[key]), depths, rows) for key, rows in found.items()]
    )


def _correlation(seed: int, depth: int, wiring: str, length: int = 32) -> float:
    model = network(seed, depth, wiring=wiring)
    ends = torch.randint(LETTERS, (2, length))
    targets = torch.randint(LETTERS, (length,))
    first, last = model.positions(model.token(ends)).detach()  # each (T, d)
    share = torch.linspace(0, 1, STEPS)[:, None, None]
    x = ((1 - share) * first + share * last).requires_grad_()  # (64, T, d)
    logits = model.head(model.final_norm(model.blocks(x)))
    loss = F.cross_entropy(logits.flatten(0, 1), targets.repeat(STEPS), reduction="sum")
    (gradient,) = torch.autograd.grad(loss, x)
    flat = gradient.flatten(1).double()
    flat = flat - flat.mean(1, keepdim=True)
    return F.cosine_similarity(flat[:-LAG], flat[LAG:]).mean().item()
