"""Attention at initialisation: the size of its scores, its entropy, and its identities."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from core.evidence.claim import Measured
from core.evidence.measure.networks import CONTEXT, Lab, curve, network, points, slope, tokens
from core.language import mark
from core.probes.depth import entropy


def _seen(trace: dict[str, Tensor], name: str) -> Tensor:
    scores = trace[f"blocks.0.attn.{name}"]
    return scores[scores.isfinite()]  # the mask is -inf


@torch.no_grad()
def score_scale(lab: Lab) -> Measured:
    """`std`: the standard deviation of the scores of unit queries and keys with 64 features a head;
    `slope` of its logarithm against that of the head's size."""
    sizes = (4, 16, 64, 256)
    rows = []
    for seed in lab.seeds:
        row = []
        for size in sizes:
            # One head as wide as the model: LN's output has unit variance, and Xavier's matrix of
            # d x d keeps it, so q and k have unit variance and q·k has variance d.
            model = network(seed, 1, width=size, heads=1)
            row.append(_seen(model.trace(tokens(16)), "scores").std().item())
        rows.append(row)
    values = {"std": [row[2] for row in rows], "slope": [slope(sizes, row) for row in rows]}
    return Measured(
        values,
        [
            points("q·k / √d", sizes, rows),
            curve("1", sizes, [1.0] * len(sizes)),
            curve(mark("without the division, √d"), sizes, [math.sqrt(s) for s in sizes]),
        ],
    )


@torch.no_grad()
def uniform_entropy(lab: Lab) -> Measured:
    """`entropy` in nats of causal attention with W_Q = W_K = 0 over 64 tokens; `init` that of
    Xavier's, and `gpt2` of GPT-2's initialisation, whose scores are small."""
    found: dict[str, list[float]] = {"entropy": [], "gpt2": [], "xavier": []}
    by_token: list[list[float]] = []
    for seed in lab.seeds:
        read = tokens()
        for name in found:
            model = network(seed, 1, init="gpt2" if name == "gpt2" else "xavier")
            if name == "entropy":
                model.blocks[0].attn.f.qkv.weight[:128] = 0
            pattern = model.trace(read)["blocks.0.attn.pattern"]
            found[name].append(entropy(pattern).item())
            if name == "entropy":
                by_token.append(torch.special.entr(pattern).sum(-1).mean((0, 1)).tolist())
    at = range(1, CONTEXT + 1)
    law = curve("log t", at, [math.log(t) for t in at])
    return Measured(found, [points(mark("all scores 0"), at, by_token), law])


@torch.no_grad()
def qk_norm(lab: Lab) -> Measured:
    """Scores and entropy where W_Q and W_K are multiplied by 1 to 32.

    `bound`: the largest |score| with QK-norm per head over sqrt(d), never above 1; `kept`: the
    entropy with QK-norm at × 16 minus that at × 1; `fell`: the same without QK-norm.
    """
    factors = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    found: dict[str, list[list[float]]] = {"off": [], "head": []}
    bound: list[float] = []
    for seed in lab.seeds:
        for kind, rows in found.items():
            row = []
            for factor in factors:
                model = network(seed, 1, qk_norm=kind)
                f = model.blocks[0].attn.f
                f.qkv.weight[:128] *= factor
                read = tokens()
                trace = model.trace(read)
                row.append(entropy(trace["blocks.0.attn.pattern"]).item())
                if kind == "head" and factor == factors[-1]:
                    largest = _seen(trace, "scores").abs().max().item()
                    bound.append(largest / math.sqrt(f.head_size))
            rows.append(row)
    at = factors.index(16.0)
    values = {
        "bound": bound,
        "kept": [row[at] - row[0] for row in found["head"]],
        "fell": [row[at] - row[0] for row in found["off"]],
    }
    return Measured(
        values,
        [
            points(mark("with QK-norm"), factors, found["head"]),
            points(mark("without"), factors, found["off"]),
        ],
    )


@torch.no_grad()
def one_token(lab: Lab) -> Measured:
    """`error`: the largest |Attn(x) - W_O (W_V x + b_V) - b_O| of a single token, over its size."""
    errors, sizes = [], []
    for seed in lab.seeds:
        model = network(seed, 1, width=64).double()
        f = model.blocks[0].attn.f
        x = torch.randn(8, 1, 64, dtype=torch.float64)
        values = x @ f.qkv.weight[128:].T + f.qkv.bias[128:]
        expected = values @ f.out.weight.T + f.out.bias
        found = f(x)
        errors.append(((found - expected).abs().max() / expected.abs().max()).item())
        sizes.append((found.flatten()[:64].tolist(), expected.flatten()[:64].tolist()))
    got, wanted = sizes[0]
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    return Measured(
        {"error": errors},
        [
            points(
                mark("attention of one token"),
                [wanted[i] for i in order],
                [[got[i] for i in order]],
            ),
            curve(
                mark("product of the two matrices"),
                [wanted[i] for i in order],
                [wanted[i] for i in order],
            ),
        ],
    )


@torch.no_grad()
def value_residual(lab: Lab) -> Measured:
    """`error`: the largest |V_l - ½ own - ½ V_1| of 6 layers; `share` of V_1 in the last V by its
    correlation, and `plain` the same without value residual."""
    depth, errors = 6, []
    found: dict[str, list[list[float]]] = {"on": [], "off": []}
    for seed in lab.seeds:
        read = tokens()
        for kind, rows in found.items():
            model = network(seed, depth, value_residual=kind == "on")
            trace = model.trace(read)
            first = trace["blocks.0.attn.v"]
            row, worst = [], 0.0
            for i in range(depth):
                v = trace[f"blocks.{i}.attn.v"]
                cosine = torch.nn.functional.cosine_similarity(v.flatten(), first.flatten(), dim=0)
                row.append(cosine.item())
                if kind == "on" and i:
                    f = model.blocks[i].attn
                    x = f.pre(trace[f"blocks.{i}.resid_pre"])
                    own = (x @ f.f.qkv.weight[128:].T + f.f.qkv.bias[128:]).view(
                        *x.shape[:2], 4, 16
                    )
                    mixed = 0.5 * own.transpose(1, 2) + 0.5 * first
                    worst = max(worst, (v - mixed).abs().max().item())
            rows.append(row)
            if kind == "on":
                errors.append(worst)
    values = {
        "error": errors,
        "share": [row[-1] for row in found["on"]],
        "plain": [row[-1] for row in found["off"]],
    }
    layers = range(1, depth + 1)
    return Measured(
        values,
        [
            points(mark("with value residual"), layers, found["on"]),
            points(mark("without"), layers, found["off"]),
            curve("1/√2", layers, [0.5**0.5] * depth),
        ],
    )
