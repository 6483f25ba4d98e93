"""Factors of a branch: ReZero, LayerScale, and LNS's constant. D width, l the layer from 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.config import ModelConfig


class ReZero(nn.Module):
    """α F(x) with one trained α = 0 for both sublayers of a layer: the layer starts as identity.

    Bachlechner et al. 2020, arXiv 2003.04887 (in its Transformer the two sublayers share α).
    At step 0 every gradient inside the branch is exactly 0; only α moves.
    """

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.alpha * x


class LayerScale(nn.Module):
    """γ ⊙ F(x) with a trained γ (Touvron et al. 2021, arXiv 2103.17239, equation 5).

    γ starts at 0.1 up to 18 layers and at 1e-5 beyond (section 2 of the paper; its 1e-6 for more
    than 24 layers of image Transformers is left out).
    """

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), 0.1 if depth <= 18 else 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma * x


class Constant(nn.Module):
    """c x."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def scale(config: ModelConfig) -> nn.Module:
    """The layer's branch scale, (..., D) -> (..., D)."""
    if config.scaling == "rezero":
        return ReZero()
    if config.scaling == "layerscale":
        return LayerScale(config.width, config.depth)
    return nn.Identity()


def lns_scaled(pre: nn.Module, config: ModelConfig, layer: int) -> nn.Module:
    """The norm before a branch, under `scaling lns` times 1 / sqrt(l).

    LNS (Sun et al. 2025, arXiv 2502.05795): x + F(LN(x) / sqrt(l)) keeps the variance of pre-LN
    from growing with depth; l = `layer` + 1.
    """
    if config.scaling != "lns":
        return pre
    return nn.Sequential(pre, Constant((layer + 1) ** -0.5))
