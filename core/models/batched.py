"""Several Transformers of equal shapes as one program: one product for the weights of all.

The members keep their own networks; what is here computes with the same parameters, stacked. M
members, B sequences, T tokens, H heads, d head size, D width, V size of the alphabet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models.attention import Attention
from core.models.batched_parts import Part, Stacked, kind_of, linear, site
from core.models.feedforward import GatedFeedForward
from core.models.observe import no_observer
from core.models.shared import OwnValues
from core.models.transformer import Transformer


class Batched:
    """The forward pass of all members, (M, B, T) int64 -> (M, B, T, V) logits.

    The same equations as :class:`core.models.transformer.Transformer`'s: products of matrices for
    all members at once, attention over M · B sequences, and each place of a norm, a skip or a scale
    as :func:`core.models.batched_parts.site` has it. `models` agree in all shapes and have no
    dropout; `stacked` gives the same parameter of neighbours as one tensor whose gradient reaches
    each. Neighbours of one wiring cost least: see :func:`sorted_by_wiring`.
    """

    def __init__(self, models: Sequence[Transformer], stacked: Stacked) -> None:
        self.models = models
        self.embedding_norm = site([one.embedding_norm for one in models], stacked)
        layers: Any = zip(*(one.blocks for one in models), strict=True)
        self.sublayers = [
            _sublayer(same, stacked)
            for blocks in layers
            for same in zip(*(block.children() for block in blocks), strict=True)
        ]
        self.final_norm = site([one.final_norm for one in models], stacked)
        self.head = linear([one.head for one in models], stacked)

    def __call__(self, tokens: Tensor) -> Tensor:
        """The logits of each member for its own tokens."""
        embedded = []
        for model, own in zip(self.models, tokens, strict=True):
            x = model.token(own)
            x = x if model.token_scale == 1.0 else x * model.token_scale
            embedded.append(model.positions(x))
        x = self.embedding_norm(torch.stack(embedded))  # (M, B, T, D)
        for sublayer in self.sublayers:
            x = sublayer(x)
        for model in self.models:
            model.first.values = None  # a pass leaves nothing behind
        return self.head(self.final_norm(x))


def sorted_by_wiring(models: Sequence[nn.Module]) -> list[int]:
    """The order of members in which those of one wiring are neighbours, as places in `models`."""
    names = [[str(kind_of(module)) for module in model.modules()] for model in models]
    return sorted(range(len(models)), key=lambda at: names[at])


def _sublayer(members: Sequence[Any], stacked: Stacked) -> Part:
    """y = post( skip(x) + scale · inner( F( pre(x) ) ) ) of each member."""

    def of(name: str) -> Part:
        return site([getattr(one, name) for one in members], stacked)

    pre, inner, scale, skip, post = (of(n) for n in ("pre", "inner", "scale", "skip", "post"))
    networks = [one.f for one in members]
    attends = isinstance(networks[0], Attention)
    f = _attention(networks, stacked) if attends else _feedforward(networks, stacked)
    return lambda x: post(skip(x, scale(inner(f(pre(x))))))


def _attention(members: Sequence[Attention], stacked: Stacked) -> Part:
    first = members[0]
    heads, size = first.heads, first.head_size
    qkv, out = (linear([getattr(one, name) for one in members], stacked) for name in ("qkv", "out"))
    q_norm, k_norm, v_norm, joined = (
        site([getattr(one, name) for one in members], stacked)
        for name in ("q_norm", "k_norm", "v_norm", "joined_norm")
    )
    own_values = all(isinstance(one.values, OwnValues) for one in members)
    scaled = any(not isinstance(one.head_scale, nn.Identity) for one in members)

    def attention(x: Tensor) -> Tensor:
        number, batch, length, _ = x.shape
        parts = qkv(x).view(number, batch, length, 3, heads, size)
        q, k, v = parts.unbind(3)  # each (M, B, T, H, d)
        shape, split = v.shape, (number, batch, length, *first.split)
        q, k = (norm(y.reshape(split)).view(shape) for norm, y in ((q_norm, q), (k_norm, k)))
        q, k, v = (y.transpose(2, 3) for y in (q, k, v_norm(v)))  # (M, B, H, T, d)
        q, k = first.rotate(q), first.rotate(k)
        if not own_values:
            pairs = zip(members, v, strict=True)
            v = torch.stack([one.values(y, no_observer, one.name + ".v") for one, y in pairs])
        q, k, v = (y.to(v.dtype).flatten(0, 1) for y in (q, k, v))  # (M B, H, T, d)
        bias = first.bias(q)
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=bias, is_causal=first.causal and bias is None
        )
        if scaled:
            own = mixed.unflatten(0, (number, batch))
            pairs = zip(members, own, strict=True)
            mixed = torch.stack([one.head_scale(y) for one, y in pairs]).flatten(0, 1)
        rows = mixed.transpose(1, 2).flatten(2)  # (M B, T, D)
        return out(joined(rows.unflatten(0, (number, batch))))

    return attention


def _feedforward(members: Sequence[Any], stacked: Stacked) -> Part:
    activation = members[0].activation
    w_in, w_out = (
        linear([getattr(one, name) for one in members], stacked) for name in ("w_in", "w_out")
    )
    hidden_norm = site([one.hidden_norm for one in members], stacked)
    if not isinstance(members[0], GatedFeedForward):
        return lambda x: w_out(hidden_norm(activation(w_in(x))))
    gate = linear([one.w_gate for one in members], stacked)
    return lambda x: w_out(hidden_norm(activation(gate(x)) * w_in(x)))
