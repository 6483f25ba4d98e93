"""LayerNorm (Ba et al. 2016, arXiv 1607.06450): (x - mean x) / sqrt(var x + ε) · g + b."""

from torch import nn


def build(size: int, epsilon: float, bias: bool) -> nn.Module:
    """g = 1, b = 0."""
    return nn.LayerNorm(size, eps=epsilon, bias=bias)
