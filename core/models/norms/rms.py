"""RMSNorm (Zhang & Sennrich 2019, arXiv 1910.07467): x / sqrt(mean x² + ε) · g."""

from torch import Tensor, nn
from torch.nn import functional as F


class RMSNorm(nn.RMSNorm):
    """x / sqrt(mean x² + ε) · g over the last axis, (..., d) -> (..., d)."""

    def forward(self, x: Tensor) -> Tensor:
        # Under autocast a network without residuals hands over bfloat16; like LayerNorm under
        # autocast, compute (and return) in the gain's precision.
        return F.rms_norm(x.to(self.weight.dtype), self.normalized_shape, self.weight, self.eps)


def build(size: int, epsilon: float, bias: bool) -> nn.Module:
    """g = 1; there is no bias."""
    return RMSNorm(size, eps=epsilon)
