"""Small parts that every module uses: layers without a draw of their own, and dropout.

initialise.py fills the weights. Until then their memory is empty, so that building a network costs
one draw and leaves the global generator alone. (`torch.nn.utils.skip_init` would do the same, but
its meta device takes more than a second to import.)
"""

from __future__ import annotations

from torch import nn


class Linear(nn.Linear):
    """x Wᵀ + b, (..., in) -> (..., out)."""

    def reset_parameters(self) -> None:
        """Nothing: initialise.py does it."""


class Convolution(nn.Conv2d):
    """A k×k convolution without bias, (B, C, H, W) -> (B, D, H / stride, W / stride)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)

    def reset_parameters(self) -> None:
        """Nothing: initialise.py does it."""


class Embedding(nn.Embedding):
    """A row for each symbol, (...) int64 -> (..., D)."""

    def reset_parameters(self) -> None:
        """Nothing: initialise.py does it."""


def dropout(share: float) -> nn.Module:
    """Dropout (Srivastava et al. 2014), or the identity where the share is 0."""
    return nn.Dropout(share) if share else nn.Identity()
