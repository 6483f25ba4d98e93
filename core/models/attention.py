"""Causal self-attention (Vaswani et al. 2017, section 3.2.2).

B sequences, T tokens, H heads, d head size, D = H · d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import ModelConfig
from core.models.layers import Linear, dropout
from core.models.observe import See, unseen


class Attention(nn.Module):
    """softmax(Q Kᵀ / sqrt(d) + causal mask) V W_O over H heads, (B, T, D) -> (B, T, D).

    One matrix ``qkv`` (3 D, D) holds W_Q, W_K, W_V in this order of rows: one product instead of
    three. Unseen, the fused kernel runs; seen, the same formula step by step, so that scores and
    pattern exist to be shown. Observables: ``q k v`` after rotation, ``scores`` with the mask as
    -inf, ``pattern`` before its dropout, ``out``.
    """

    def __init__(self, config: ModelConfig, rotate: nn.Module, name: str) -> None:
        super().__init__()
        self.name = name
        self.heads = config.heads
        self.head_size = config.width // config.heads
        self.drop_share = config.dropout
        self.qkv = Linear(config.width, 3 * config.width, config.bias)
        self.rotate = rotate
        self.out = Linear(config.width, config.width, config.bias)
        self.drop = dropout(config.dropout)

    def forward(self, x: Tensor, see: See = unseen) -> Tensor:
        batch, length, _ = x.shape
        split = self.qkv(x).view(batch, length, 3, self.heads, self.head_size)  # (B, T, 3, H, d)
        # Parted before the heads move forward, so that the backward pass copies only once.
        q, k, v = (part.transpose(1, 2) for part in split.unbind(2))  # each (B, H, T, d)
        q = see(self.name + ".q", self.rotate(q))
        k = see(self.name + ".k", self.rotate(k))
        v = see(self.name + ".v", v)
        mixed = self._fused(q, k, v) if see is unseen else self._shown(q, k, v, see)
        joined = mixed.transpose(1, 2).flatten(2)  # (B, T, D)
        return see(self.name + ".out", self.drop(self.out(joined)))

    def _fused(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        share = self.drop_share if self.training else 0.0
        return F.scaled_dot_product_attention(q, k, v, dropout_p=share, is_causal=True)

    def _shown(self, q: Tensor, k: Tensor, v: Tensor, see: See) -> Tensor:
        length = q.shape[2]
        later = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)  # (T, T)
        scores = (q @ k.mT * self.head_size**-0.5).masked_fill(later, -torch.inf)  # (B, H, T, T)
        pattern = see(self.name + ".scores", scores).softmax(-1)  # (B, H, T, T)
        pattern = see(self.name + ".pattern", pattern)
        # Under autocast softmax answers in float32.
        return F.dropout(pattern, self.drop_share, self.training).to(v.dtype) @ v  # (B, H, T, d)
