"""The wiring: where *Add* and *Norm* sit. One equation for every published block.

    y = post( skip(x) + scale · inner( F( pre(x) ) ) )

A new placement is a row of core.config.wiring, a new skip a class of core.models.skips, a new
branch scale a class of core.models.scales; the forward pass stays as it is. B sequences, T tokens,
D width.
"""

from __future__ import annotations

from torch import Tensor, nn

from core.config import PLACEMENTS, ModelConfig
from core.config.wiring import SublayerName
from core.models.attention import Attention
from core.models.feedforward import feedforward
from core.models.norms import norm
from core.models.observe import See, no_observer
from core.models.scales import lns_scaled, scale
from core.models.shared import Shared
from core.models.skips import skip

# The names in the config.
WHICH: dict[str, SublayerName] = {"attn": "attention", "mlp": "feedforward"}


class Sublayer(nn.Module):
    """y = post( skip(x) + scale · inner( F( pre(x) ) ) ), (B, T, D) -> (B, T, D).

    ::

        x ─┬────────────── skip ──────────────┐
           │                                  │
           └─ pre ─ F ─ inner ─ scale ─ (+) ──┘
                        ↑                ├─ post ─ y
                       out              sum

    Parts that are off are ``nn.Identity()``; without a skip, (+) passes the branch alone. `config`
    is the layer's own (``ModelConfig.at``), `part` attn or mlp, `layer` counts from 0.
    `shared_scale` is a scale that this sublayer has together with another.
    """

    def __init__(
        self,
        config: ModelConfig,
        f: nn.Module,
        name: str,
        part: str,
        layer: int = 0,
        shared_scale: nn.Module | None = None,
    ) -> None:
        super().__init__()
        which = WHICH[part]
        sites = PLACEMENTS[config.placement].sites(which)
        self.name = name
        self.pre = lns_scaled(norm(config, "pre" in sites), config, layer)
        self.f = f
        self.inner = norm(config, "inner" in sites)
        self.scale = shared_scale or scale(config)
        self.skip = skip(config, which)
        self.post = norm(config, "post" in sites)

    def forward(self, x: Tensor, see: See = no_observer) -> Tensor:
        branch = self.scale(self.inner(self.f(self.pre(x), see)))
        y: Tensor = self.post(see(self.name + ".sum", self.skip(x, branch)))
        return y


class Block(nn.Module):
    """One layer: attention, then the feed-forward network, (B, T, D) -> (B, T, D).

    ::

        resid_pre ─ [attn sublayer] ─ resid_mid ─ [mlp sublayer] ─ resid_post

    With ``sublayers: attention`` or ``feedforward`` the other one, its observables and resid_mid
    are absent.
    """

    def __init__(self, config: ModelConfig, shared: Shared, layer: int) -> None:
        super().__init__()
        own = config.at(layer)
        self.name = f"blocks.{layer}"
        attn, mlp = f"{self.name}.attn", f"{self.name}.mlp"
        # ReZero has one α for both sublayers of a layer.
        both = scale(own) if own.scaling == "rezero" else None
        kinds = config.parts
        if "attention" in kinds:
            attention = Attention(own, shared, attn, layer)
            self.attn = Sublayer(own, attention, attn, "attn", layer, both)
        if "feedforward" in kinds:
            self.mlp = Sublayer(own, feedforward(own, mlp), mlp, "mlp", layer, both)
        self.after = ("resid_mid", "resid_post")[-len(kinds) :]

    def forward(self, x: Tensor, see: See = no_observer) -> Tensor:
        x = see(self.name + ".resid_pre", x)
        for sublayer, after in zip(self.children(), self.after, strict=True):
            x = see(f"{self.name}.{after}", sublayer(x, see))
        return x
