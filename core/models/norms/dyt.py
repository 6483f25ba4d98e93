"""Dynamic Tanh (Zhu et al. 2025, arXiv 2503.10622): γ ⊙ tanh(α x) + β, α one number."""

import torch
from torch import Tensor, nn

ALPHA = 0.5  # at birth, the paper's α₀


class DyT(nn.Module):
    """γ ⊙ tanh(α x) + β over the last axis, (..., d) -> (..., d)."""

    def __init__(self, size: int, bias: bool) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), ALPHA))
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.weight * torch.tanh(self.alpha * x)
        return y if self.bias is None else y + self.bias


def build(size: int, epsilon: float, bias: bool) -> nn.Module:
    """γ = 1, β = 0, α = ½; ε has no place in it."""
    return DyT(size, bias)
