"""Parts that all layers of one network share, beside the stream."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from core.models.observe import See


@dataclass
class FirstValues:
    """The first layer's V while a forward pass is under way, (B, H, T, d)."""

    values: Tensor | None = None


@dataclass
class Shared:
    """One rotation, one attention bias and one pass of first values for every layer."""

    rotate: nn.Module
    bias: nn.Module
    first: FirstValues = field(default_factory=FirstValues)


class OwnValues(nn.Module):
    """V_l as it is."""

    def forward(self, v: Tensor, see: See, name: str) -> Tensor:
        return see(name, v)


class ValueResidual(nn.Module):
    """V_l <- ½ V_l + ½ V_1 (Zhou et al. 2024, ResFormer, arXiv 2410.17897), (B, H, T, d) -> same.

    V_1 is what the first layer's attention used, after its norms and its observer.
    """

    def __init__(self, first: FirstValues, layer: int) -> None:
        super().__init__()
        self.first = first
        self.layer = layer

    def forward(self, v: Tensor, see: See, name: str) -> Tensor:
        if self.layer == 0:
            self.first.values = see(name, v)
            return self.first.values
        assert self.first.values is not None, "the first layer comes first"
        return see(name, 0.5 * v + 0.5 * self.first.values)
