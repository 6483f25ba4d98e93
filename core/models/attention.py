"""Self-attention (Vaswani et al. 2017, section 3.2.2).

B sequences, T tokens, H heads, d head size, D = H · d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import PLACEMENTS, ModelConfig
from core.models.layers import Linear, dropout
from core.models.norms import norm
from core.models.observe import See, no_observer
from core.models.shared import OwnValues, Shared, ValueResidual


class HeadScale(nn.Module):
    """γ_h times head h (NormFormer, Shleifer et al. 2021, arXiv 2110.09456), (B, H, T, d) -> same.

    γ = 1 at birth.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(heads))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain[:, None, None]


class Attention(nn.Module):
    """softmax(Q Kᵀ / sqrt(d) + bias + mask) V W_O over H heads, (B, T, D) -> (B, T, D).

    ::

        x ─ qkv ┬─ q_norm ─ rotate ─ q ─┐
                ├─ k_norm ─ rotate ─ k ─┴ scores ─ pattern ─┐
                └─ v_norm ─ values ─ v ─────────────────────┴ head_scale ─ joined_norm ─ W_O ─ out

    One matrix ``qkv`` (3 D, D) holds W_Q, W_K, W_V in this order of rows: one product instead of
    three. Unseen, the fused kernel runs; seen, the same formula step by step, so that scores and
    pattern exist to be shown. Observables: ``q k v`` after norms and rotation, ``scores`` with the
    bias and with the mask as -inf, ``pattern`` before its dropout, ``out``.

    QK-norm (Henry et al. 2020, arXiv 2010.04245; Dehghani et al. 2023, arXiv 2302.05442) norms
    each head with one gain for all (``head``), or the whole projection before the heads are split
    (``width``, OLMo 2, arXiv 2501.00656). HybridNorm norms q, k and v of each head (arXiv
    2503.04598), Sub-LN the heads side by side before W_O (Magneto, arXiv 2210.06423).
    """

    def __init__(self, config: ModelConfig, shared: Shared, name: str, layer: int) -> None:
        super().__init__()
        row = PLACEMENTS[config.placement]
        sites = row.attention
        self.name = name
        self.heads = config.heads
        self.head_size = d = config.width // config.heads
        self.causal = config.causal
        self.drop_share = config.dropout
        self.qkv = Linear(config.width, 3 * config.width, config.bias)
        whole = config.qk_norm == "width"
        normed = config.qk_norm != "off"
        # Queries and keys as their norm sees them: one row for each head, or one for all.
        self.split = (1, config.width) if whole else (config.heads, d)
        self.q_norm = norm(config, normed or "q" in sites, self.split[-1])
        self.k_norm = norm(config, normed or "k" in sites, self.split[-1])
        self.v_norm = norm(config, "v" in sites, d)
        self.rotate = shared.rotate
        self.bias = shared.bias
        self.values = ValueResidual(shared.first, layer) if config.value_residual else OwnValues()
        self.head_scale = HeadScale(config.heads) if row.head_scale else nn.Identity()
        self.joined_norm = norm(config, "joined" in sites)
        self.out = Linear(config.width, config.width, config.bias)
        self.drop = dropout(config.dropout)

    def forward(self, x: Tensor, see: See = no_observer) -> Tensor:
        batch, length, _ = x.shape
        parts = self.qkv(x).view(batch, length, 3, self.heads, self.head_size)  # (B, T, 3, H, d)
        # Parted before the heads move forward, so that the backward pass copies only once.
        q, k, v = parts.unbind(2)  # each (B, T, H, d)
        q = self.q_norm(q.reshape(batch, length, *self.split)).view(v.shape).transpose(1, 2)
        k = self.k_norm(k.reshape(batch, length, *self.split)).view(v.shape).transpose(1, 2)
        q = see(self.name + ".q", self.rotate(q))  # (B, H, T, d)
        k = see(self.name + ".k", self.rotate(k))
        v = self.values(self.v_norm(v).transpose(1, 2), see, self.name + ".v")
        q, k = q.to(v.dtype), k.to(v.dtype)  # under autocast a norm answers in float32
        mixed = self._fused(q, k, v) if see is no_observer else self._shown(q, k, v, see)
        joined = self.head_scale(mixed).transpose(1, 2).flatten(2)  # (B, T, D)
        return see(self.name + ".out", self.drop(self.out(self.joined_norm(joined))))

    def _fused(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        share = self.drop_share if self.training else 0.0
        bias = self.bias(q)  # with its own mask, or None
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=bias, dropout_p=share, is_causal=self.causal and bias is None
        )

    def _shown(self, q: Tensor, k: Tensor, v: Tensor, see: See) -> Tensor:
        length = q.shape[2]
        scores = q @ k.mT * self.head_size**-0.5  # (B, H, T, T)
        bias = self.bias(q)
        if bias is not None:
            scores = scores + bias
        elif self.causal:
            later = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)  # (T, T)
            scores = scores.masked_fill(later, -torch.inf)
        pattern = see(self.name + ".scores", scores).softmax(-1)  # (B, H, T, T)
        pattern = see(self.name + ".pattern", pattern)
        # Under autocast softmax answers in float32.
        return F.dropout(pattern, self.drop_share, self.training).to(v.dtype) @ v  # (B, H, T, d)
