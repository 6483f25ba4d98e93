"""How far the output moves when every matrix of the blocks is moved a little, by depth."""

from __future__ import annotations

import torch

from core.evidence.claim import Measured
from core.evidence.measure.networks import Lab, network, points, slope, tokens

DEPTHS = (4, 8, 16, 32)
EPSILON = 1e-3
NAMES = {"post": "post-LN", "pre": "pre-LN", "peri": "Peri-LN", "deepnorm": "DeepNorm"}


def output_change(lab: Lab) -> Measured:
    """`post`, `pre`, `peri`, `deepnorm`: the slope of log E‖f(W) - f(W + εσξ)‖²/ε² against log L.

    f is what the head reads, per token and feature; W all matrices of the blocks, σ the standard
    deviation of each, ξ Gaussian, in float64.
    """
    values, series = {}, []
    for n, (key, wiring) in enumerate(NAMES.items()):
        rows = []
        for i, seed in enumerate(lab.seeds):
            lab.report((n + i / len(lab.seeds)) / len(NAMES))
            rows.append([_change(seed, depth, wiring) for depth in DEPTHS])
        values[key] = [slope(DEPTHS, row) for row in rows]
        series.append(points(wiring, DEPTHS, rows))
    return Measured(values, series)


@torch.no_grad()
def _change(seed: int, depth: int, wiring: str) -> float:
    model = network(seed, depth, wiring=wiring).double()
    read = tokens(4)
    before = model.trace(read)["final_norm.out"]
    for name, parameter in model.named_parameters():
        if name.startswith("blocks.") and parameter.ndim == 2:
            noise = torch.randn(parameter.shape, dtype=parameter.dtype)
            parameter += EPSILON * parameter.std() * noise
    after = model.trace(read)["final_norm.out"]
    moved: float = (after - before).square().mean().item()
    return moved / EPSILON**2
