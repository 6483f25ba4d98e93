"""Where the norms sit: every published placement as a row, without torch.

A sublayer is ``y = post( skip(x) + scale · inner( F( pre(x) ) ) )``; `pre`, `inner` and `post` are
sites of norms in it. Sites inside F: ``q k v`` over each head, ``joined`` over the heads before
W_O, ``hidden`` over the hidden units before W_out. The network, the parameter count, the equation
and the drawing are all made from these rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from core.config.literals import Residual, Sublayers
from core.language import Message, mark

SublayerName = Literal["attention", "feedforward"]
Site = Literal["pre", "inner", "post", "q", "k", "v", "joined", "hidden"]
Placement = Literal[
    "pre", "post", "sandwich", "none", "reordered", "sublayer", "normformer", "mix", "hybrid"
]
Scaling = Literal["one", "gpt2", "deepnorm", "admin", "rezero", "layerscale", "lns"]


@dataclass(frozen=True)
class Row:
    """A placement: the norms of each of its sublayers, and whether one stands before the head.

    `expect` says in one line what to expect of a network of it that has all its skips.
    """

    attention: tuple[Site, ...]
    feedforward: tuple[Site, ...]
    final: bool
    formula: str
    name: str
    source: str
    expect: str
    head_scale: bool = False  # a trained number for each head, before W_O
    wide_init: bool = False  # W_V, W_O and the feed-forward start larger, by sqrt(ln 2L)

    def sites(self, sublayer: SublayerName) -> tuple[Site, ...]:
        """The norms of ``attention`` or ``feedforward``."""
        return self.attention if sublayer == "attention" else self.feedforward


# The common four come first: a page shows them in one row.
PLACEMENTS: dict[Placement, Row] = {
    "pre": Row(
        ("pre",),
        ("pre",),
        True,
        "x + F(N(x))",
        "pre-LN",
        "Radford et al. 2019, Xiong et al. 2020",
        mark(
            "No norm stands on the skip path. Expect it to learn without warm-up, and x to grow"
            " with depth."
        ),
    ),
    "post": Row(
        ("post",),
        ("post",),
        False,
        "N(x + F(x))",
        "post-LN",
        "Vaswani et al. 2017",
        mark(
            "Every norm rescales the skip path too. Expect a deep network to need a warm-up, or to"
            " die."
        ),
    ),
    "sandwich": Row(
        ("pre", "inner"),
        ("pre", "inner"),
        True,
        "x + N(F(N(x)))",
        "Peri-LN",
        "Kim et al. 2025",
        mark(
            "What each layer adds has one size. Expect it to learn without warm-up, and x to grow"
            " evenly."
        ),
    ),
    "none": Row(
        (),
        (),
        False,
        "x + F(x), no norm in the blocks",
        "no norm",
        "Zhang et al. 2019",
        mark(
            "Nothing holds the size of x. Expect it to grow with depth until a deep network"
            " diverges."
        ),
    ),
    "reordered": Row(
        ("inner",),
        ("inner",),
        True,
        "x + N(F(x))",
        "reordered norm",
        "OLMo 2, OLMo Team 2024",
        mark(
            "What each layer adds has one size; what it reads has not. Expect it to learn without"
            " warm-up."
        ),
    ),
    "sublayer": Row(
        ("pre", "joined"),
        ("pre", "hidden"),
        True,
        mark("pre, and a norm before each output matrix"),
        "Sub-LN",
        "Magneto, Wang et al. 2022",
        mark("The branch is normed inside too, and starts larger. Expect it to learn as pre does."),
        wide_init=True,
    ),
    "normformer": Row(
        ("pre", "inner"),
        ("pre", "hidden"),
        True,
        mark("pre, a norm after attention and one after the activation, a scale per head"),
        "NormFormer",
        "Shleifer et al. 2021",
        mark(
            "Each branch sets its own size. Its paper expects early and late layers to learn at a"
            " like pace."
        ),
        head_scale=True,
    ),
    "mix": Row(
        ("pre",),
        ("pre",),
        True,
        mark("post in the first quarter of the layers, then pre"),
        "Mix-LN",
        "Li et al. 2024",
        mark(
            "The first layers work as post, the others as pre. Its paper expects the last ones to"
            " do more than with pre."
        ),
    ),
    "hybrid": Row(
        ("q", "k", "v", "post"),
        (),
        True,
        mark("n = N(x + Attn(x)) with norms on q, k and v, then n + FFN(n)"),
        "HybridNorm",
        "Zhuo et al. 2025",
        mark(
            "Attention is normed as in post, and inside. Its paper expects pre's steadiness and a"
            " lower loss."
        ),
    ),
}

# Which sublayers have a skip.
RESIDUALS: dict[Residual, tuple[SublayerName, ...]] = {
    "on": ("attention", "feedforward"),
    "off": (),
    "attention": ("attention",),
    "feedforward": ("feedforward",),
}
SUBLAYERS: dict[Sublayers, tuple[SublayerName, ...]] = {
    "both": ("attention", "feedforward"),
    "attention": ("attention",),
    "feedforward": ("feedforward",),
}
# What a branch scaling needs of the placement.
NEEDS: dict[Scaling, Placement] = {
    "deepnorm": "post",
    "admin": "post",
    "lns": "pre",
    "rezero": "none",
}


def placed(placement: Placement, layer: int, depth: int) -> Placement:
    """The placement of one layer: what `mix` is there, else `placement` itself."""
    if placement != "mix":
        return placement
    return "post" if layer < depth // 4 else "pre"


def misplaced(layer: Any) -> Iterator[tuple[str, str]]:
    """Conflicts of one layer's placement, norm and scaling: the field, what is accepted."""
    placement, norm, scaling = layer.placement, layer.norm, layer.scaling
    if (placement == "none") != (norm == "none"):
        if norm == "none":
            yield (
                "placement",
                Message("{value} needs a norm; accepted with norm none: none", value=placement),
            )
        else:
            yield (
                "norm",
                Message(
                    "{value} needs a placement; accepted with placement none: none", value=norm
                ),
            )
    needed = NEEDS.get(scaling, placement)
    if needed != placement:
        fitting = [s for s in SCALINGS if NEEDS.get(s, placement) == placement]
        yield (
            "scaling",
            Message(
                "{scaling} needs placement {needed}; accepted with placement {placement}:"
                " {accepted}",
                scaling=scaling,
                needed=needed,
                placement=placement,
                accepted=", ".join(fitting),
            ),
        )


SCALINGS: dict[Scaling, str] = {
    "one": "F(x) as it is",
    "gpt2": "the matrices that write into the stream start smaller by 1 / sqrt(2 L)",
    "deepnorm": "αx + F(x), α = (2L)^¼ and smaller matrices (Wang et al. 2022; needs post)",
    "admin": "ω⊙x + F(x), ω from one profiling pass (Liu et al. 2020; needs post)",
    "rezero": "x + αF(x), α starts at 0 (Bachlechner et al. 2020; needs none)",
    "layerscale": "x + γ⊙F(x), γ starts small (Touvron et al. 2021)",
    "lns": "F(N(x)/sqrt(l)) in layer l (Sun et al. 2025; needs pre)",
}

# What a scaling makes of a sublayer's equation, and what to expect of it.
SCALING_EFFECTS: dict[Scaling, tuple[str, str]] = {
    "one": ("x + F(x)", mark("The branch is added as it is. Expect what the placement does.")),
    "gpt2": (
        "W_O, W_out ~ N(0, σ²/2L)",
        mark(
            "All branches together start as large as one would be. Expect x to grow less with"
            " depth."
        ),
    ),
    "deepnorm": (
        "N(αx + F(x)), α = (2L)^¼",
        mark("x outweighs the branch before each norm. Expect it to learn without warm-up."),
    ),
    "admin": (
        "N(ω⊙x + F(x))",
        mark(
            "x outweighs the branch by what one pass measures at the start. Its paper expects deep"
            " networks to learn."
        ),
    ),
    "rezero": (
        "x + αF(x), α = 0",
        mark(
            "At the start a block does nothing, y = x. Expect it to learn without any norm, after a"
            " slow beginning."
        ),
    ),
    "layerscale": (
        "x + γ⊙F(x), γ ≈ 0",
        mark(
            "At the start a block hardly does anything. Expect it to learn without warm-up, after a"
            " slow beginning."
        ),
    ),
    "lns": (
        "x + F(N(x)/√l)",
        mark("Later layers read a smaller x. Expect the stream to grow more slowly."),
    ),
}
