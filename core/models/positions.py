"""How the network knows the order of its tokens. T tokens, C context, d width or head size.

``learned`` and ``sinusoidal`` add a table to the token embeddings, ``rotary`` turns queries and
keys inside attention, ``alibi`` lowers the scores of distant tokens; each is the identity in the
others' place.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.config import ModelConfig


class LearnedPositions(nn.Module):
    """x_t + P_t with a trained table P (Radford et al. 2018), (B, T, d) -> (B, T, d)."""

    def __init__(self, context: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(context, width))  # filled by initialise.py

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


class SinusoidalPositions(nn.Module):
    """x_t + P_t with the fixed table of Vaswani et al. 2017, section 3.5, (B, T, d) -> (B, T, d).

    P[t, 2i] = sin(t / 10000^(2i/d)), P[t, 2i+1] = cos(t / 10000^(2i/d)).
    """

    table: Tensor

    def __init__(self, context: int, width: int) -> None:
        super().__init__()
        even = torch.arange(0, width, 2, dtype=torch.float64)
        angle = torch.arange(context, dtype=torch.float64)[:, None] / 10000.0 ** (even / width)
        table = torch.empty(context, width)
        table[:, 0::2] = angle.sin()
        table[:, 1::2] = angle.cos()[:, : width // 2]  # an odd width has one cosine fewer
        self.register_buffer("table", table, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[1]]


class Rotary(nn.Module):
    """RoPE (Su et al. 2021, arXiv 2104.09864), half-split as in Llama, (B, H, T, d) -> same.

    Features i and i + d/2 of the token at t turn by the angle t · base^(-2i/d), so that the dot
    product of a query and a key depends on their distance only.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, context: int, head_size: int, base: float) -> None:
        super().__init__()
        even = torch.arange(0, head_size, 2, dtype=torch.float64)
        angle = torch.arange(context, dtype=torch.float64)[:, None] * base ** (-even / head_size)
        dtype = torch.get_default_dtype()
        cos, sin = angle.cos(), angle.sin()
        # x · cos + swap(x) · sin, where swap exchanges the halves and sin carries the sign.
        self.register_buffer("cos", torch.cat((cos, cos), -1).to(dtype), persistent=False)
        self.register_buffer("sin", torch.cat((-sin, sin), -1).to(dtype), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        length, half = x.shape[-2], x.shape[-1] // 2
        turned = x * self.cos[:length] + x.roll(half, -1) * self.sin[:length]
        return turned.to(x.dtype)  # under autocast the tables are wider than x


class Alibi(nn.Module):
    """-m_h · |i - j|, added to the scores of query i and key j (Press et al. 2022, arXiv
    2108.12409), (H, T, T); with a causal mask -inf where j > i.

    Slopes m as published: 2^(-8 h / n) for a power of two n of heads; for other numbers those of
    the power below, then every second one of twice that power.
    """

    slopes: Tensor
    distance: Tensor

    def __init__(self, context: int, heads: int, causal: bool) -> None:
        super().__init__()
        position = torch.arange(context, dtype=torch.get_default_dtype())
        distance = -(position[:, None] - position).abs()  # (C, C)
        if causal:
            distance = distance.masked_fill(
                distance.new_ones(context, context).triu(1) > 0, -torch.inf
            )
        slopes = torch.tensor(alibi_slopes(heads), dtype=torch.get_default_dtype())
        self.register_buffer("distance", distance, persistent=False)
        self.register_buffer("slopes", slopes[:, None, None], persistent=False)

    def forward(self, q: Tensor) -> Tensor:
        length = q.shape[-2]
        return (self.slopes * self.distance[:length, :length]).to(q.dtype)


def alibi_slopes(heads: int) -> list[float]:
    """The published slopes of any number of heads."""
    power = 2 ** (heads.bit_length() - 1)
    slopes = [2 ** (-8 * h / power) for h in range(1, power + 1)]
    between = [2 ** (-4 * h / power) for h in range(1, 2 * power + 1, 2)]
    return slopes + between[: heads - power]


class NoBias(nn.Module):
    """Scores as they are."""

    def forward(self, q: Tensor) -> None:
        return None


def added_positions(config: ModelConfig) -> nn.Module:
    """The token embeddings with their positions added, (B, T, d) -> (B, T, d)."""
    if config.positions == "learned":
        return LearnedPositions(config.context, config.width)
    if config.positions == "sinusoidal":
        return SinusoidalPositions(config.context, config.width)
    return nn.Identity()


def rotation(config: ModelConfig) -> nn.Module:
    """The rotation of queries and keys, (B, H, T, d) -> same. One module serves every layer."""
    if config.positions == "rotary":
        return Rotary(config.context, config.width // config.heads, config.rotary_base)
    return nn.Identity()


def score_bias(config: ModelConfig) -> nn.Module:
    """The bias of the scores of (B, H, T, d) queries, (H, T, T) with its mask, or None."""
    if config.positions == "alibi":
        return Alibi(config.context, config.heads, config.causal)
    return NoBias()
