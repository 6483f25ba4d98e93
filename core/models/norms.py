"""The *Norm* box: what ``norm`` in the config may be.

LayerNorm (Ba et al. 2016, arXiv 1607.06450): (x - mean x) / sqrt(var x + ε) · g + b.
RMSNorm (Zhang & Sennrich 2019, arXiv 1910.07467): x / sqrt(mean x² + ε) · g.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from core.config import ModelConfig


class RMSNorm(nn.RMSNorm):
    """x / sqrt(mean x² + ε) · g over the last axis, (..., d) -> (..., d)."""

    def forward(self, x: Tensor) -> Tensor:
        # Under autocast a network without residuals hands over bfloat16; like LayerNorm under
        # autocast, compute (and return) in the gain's precision.
        return F.rms_norm(x.to(self.weight.dtype), self.normalized_shape, self.weight, self.eps)


NORMS: dict[str, Callable[[ModelConfig], nn.Module]] = {
    "layer": lambda c: nn.LayerNorm(c.width, eps=c.norm_epsilon, bias=c.bias),
    "rms": lambda c: RMSNorm(c.width, eps=c.norm_epsilon),
    "none": lambda c: nn.Identity(),
}


def norm(config: ModelConfig, on: bool = True) -> nn.Module:
    """The config's norm over the last axis, (..., d) -> (..., d); the identity where it is off."""
    return NORMS[config.norm if on else "none"](config)
