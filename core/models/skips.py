"""The *Add* box: what the skip carries past a sublayer, and the sum. D width, L depth."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.config import ModelConfig
from core.config.wiring import RESIDUALS


class Add(nn.Module):
    """skip(x) = x: the branch is added to what came in (He et al. 2015, arXiv 1512.03385)."""

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return x + branch


class NoSkip(nn.Module):
    """skip(x) = 0: the branch alone goes on."""

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return branch


class DeepNorm(nn.Module):
    """skip(x) = α x with the constant α = (2 L)^¼, so that y = LN(α x + F(x)).

    Wang et al. 2022, arXiv 2203.00555, table 1, decoder-only. Its other half is in initialise.py:
    W_V, W_O and the feed-forward start smaller by (8 L)^-¼.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.alpha = (2 * depth) ** 0.25

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return self.alpha * x + branch


class Admin(nn.Module):
    """skip(x) = ω ⊙ x with a trained ω, so that y = LN(ω ⊙ x + F(x)).

    Liu et al. 2020, arXiv 2004.08249, section 4.
    ω is 1 until :func:`profile` has measured the branches.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.omega = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return self.omega * x + branch


def skip(config: ModelConfig, part: str) -> nn.Module:
    """The layer's skip past `part` (attention or feedforward), (x, branch) -> skip(x) + branch."""
    if part not in RESIDUALS[config.residual]:
        return NoSkip()
    if config.scaling == "deepnorm":
        return DeepNorm(config.depth)
    return Admin(config.width) if config.scaling == "admin" else Add()


@torch.no_grad()
def profile(model: nn.Module, tokens: Tensor) -> None:
    """Admin's profiling pass: one forward of `tokens` (B, T) sets every ω; else it does nothing.

    ω₁ = 1 and ω²_{i+1} = ω_i² + Var F_i over the sublayers i in order, so that every branch starts
    with the same share of its sum. Random states and the mode (train or eval) are left alone.
    """
    omegas = {
        path.removesuffix(".skip"): module.omega
        for path, module in model.named_modules()
        if isinstance(module, Admin)
    }
    for omega in omegas.values():
        omega.fill_(1)
    variances: dict[str, float] = {}

    def measure(name: str, tensor: Tensor) -> Tensor:
        sublayer, _, leaf = name.rpartition(".")
        if leaf == "out" and sublayer.startswith("blocks."):
            variances[sublayer] = tensor.float().var(correction=0).item()
        return tensor

    if omegas:
        training = model.training
        model.eval()
        model(tokens, measure)
        model.train(training)
    square = 1.0
    for name, variance in variances.items():
        if name in omegas:
            omegas[name].fill_(square**0.5)
        square += variance
