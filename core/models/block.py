"""The wiring: where *Add* and *Norm* sit. One equation for every published block.

    y = post( skip(x) + scale · inner( F( pre(x) ) ) )

A new placement is a row in PLACEMENTS, a new skip a class beside Add, a new branch scale a module
in `Sublayer.scale`; the forward pass stays as it is. B sequences, T tokens, D width.
"""

from __future__ import annotations

from torch import Tensor, nn

from core.config import ModelConfig
from core.models.attention import Attention
from core.models.feedforward import feedforward
from core.models.norms import norm
from core.models.observe import See, unseen

# Which of the equation's three places hold a norm.
PLACEMENTS: dict[str, tuple[str, ...]] = {
    "pre": ("pre",),
    "post": ("post",),
    "sandwich": ("pre", "inner"),
    "none": (),
}

# Which sublayers have a skip.
RESIDUALS: dict[str, tuple[str, ...]] = {
    "on": ("attn", "mlp"),
    "off": (),
    "attention": ("attn",),
    "feedforward": ("mlp",),
}


class Add(nn.Module):
    """skip(x) = x: the branch is added to what came in (He et al. 2015, arXiv 1512.03385)."""

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return x + branch


class NoSkip(nn.Module):
    """skip(x) = 0: the branch alone goes on."""

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return branch


class Sublayer(nn.Module):
    """y = post( skip(x) + scale · inner( F( pre(x) ) ) ), (B, T, D) -> (B, T, D).

    ::

        x ─┬────────────── skip ──────────────┐
           │                                  │
           └─ pre ─ F ─ inner ─ scale ─ (+) ──┘
                        ↑                ├─ post ─ y
                       out              sum

    Parts that are off are ``nn.Identity()``; without a skip, (+) passes the branch alone.
    """

    def __init__(self, config: ModelConfig, f: nn.Module, name: str, part: str) -> None:
        super().__init__()
        places = PLACEMENTS[config.placement]
        self.name = name
        self.pre = norm(config, "pre" in places)
        self.f = f
        self.inner = norm(config, "inner" in places)
        self.scale = nn.Identity()
        self.skip = Add() if part in RESIDUALS[config.residual] else NoSkip()
        self.post = norm(config, "post" in places)

    def forward(self, x: Tensor, see: See = unseen) -> Tensor:
        branch = self.scale(self.inner(self.f(self.pre(x), see)))
        return self.post(see(self.name + ".sum", self.skip(x, branch)))


class Block(nn.Module):
    """One layer: attention, then the feed-forward network, (B, T, D) -> (B, T, D).

    ::

        resid_pre ─ [attn sublayer] ─ resid_mid ─ [mlp sublayer] ─ resid_post
    """

    def __init__(self, config: ModelConfig, rotate: nn.Module, layer: int) -> None:
        super().__init__()
        self.name = f"blocks.{layer}"
        attn, mlp = f"{self.name}.attn", f"{self.name}.mlp"
        self.attn = Sublayer(config, Attention(config, rotate, attn), attn, "attn")
        self.mlp = Sublayer(config, feedforward(config, mlp), mlp, "mlp")

    def forward(self, x: Tensor, see: See = unseen) -> Tensor:
        x = see(self.name + ".resid_pre", x)
        x = see(self.name + ".resid_mid", self.attn(x, see))
        return see(self.name + ".resid_post", self.mlp(x, see))
