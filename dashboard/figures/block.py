"""A block as a list of parts, in the order in which x meets them: what the drawings agree on.

Each sublayer is ``y = post( skip(x) + inner( F( pre(x) ) ) )``; a part that is off is absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.config import ModelConfig

Which = Literal["attention", "feedforward"]
Kind = Literal["norm", "attention", "feedforward", "add"]

SUBLAYERS: tuple[Which, Which] = ("attention", "feedforward")
NORM_WORDS = {"layer": "LN", "rms": "RMS", "none": ""}
# Where the norms of a sublayer sit: pre, inner and post.
NORMS = {
    "pre": (True, False, False),
    "post": (False, False, True),
    "sandwich": (True, True, False),
    "none": (False, False, False),
}

TIMES = (
    "",
    "once",
    "twice",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


@dataclass(frozen=True)
class Part:
    """One box or sign on the stream."""

    kind: Kind
    label: str
    sublayer: Which


def has_residual(model: ModelConfig, which: Which) -> bool:
    """Whether x is carried past this sublayer."""
    return model.residual in ("on", which)


def sublayer(model: ModelConfig, which: Which) -> list[Part]:
    """The parts of one sublayer, in order."""
    pre, inner, post = NORMS[model.placement]
    norm = Part("norm", NORM_WORDS[model.norm], which)
    function = Part(which, "attention" if which == "attention" else "feed-fwd", which)
    add = Part("add", "+", which)
    return [
        *([norm] if pre else []),
        function,
        *([norm] if inner else []),
        *([add] if has_residual(model, which) else []),
        *([norm] if post else []),
    ]


def parts(model: ModelConfig) -> list[Part]:
    """The parts of one block, in order."""
    return [part for which in SUBLAYERS for part in sublayer(model, which)]


def published(model: ModelConfig) -> str:
    """What the literature calls this wiring, and where it is from."""
    if model.placement == "none":
        if model.residual == "on":
            return "Add without Norm · Fixup, Zhang et al. 2019"
        if model.residual == "off":
            return "neither Add nor Norm · a plain stack"
        return f"Add around the {_word(model.residual)} only, no Norm"
    name, source = {
        "pre": ("pre-LN", "Radford et al. 2019, Xiong et al. 2020"),
        "post": ("post-LN", "Vaswani et al. 2017"),
        "sandwich": ("Peri-LN", "Kim et al. 2025"),
    }[model.placement]
    if model.norm == "rms":
        name = name.replace("LN", "RMS")
        source = "Touvron et al. 2023" if model.placement == "pre" else "Zhang & Sennrich 2019"
    if model.residual == "off":
        return f"{name} without Add · Dong et al. 2021"
    if model.residual != "on":
        return f"{name}, Add around the {_word(model.residual)} only"
    return f"{name} · {source}"


def _word(which: str) -> str:
    return "feed-forward" if which == "feedforward" else which


def title(depth: int) -> str:
    """`One block, twelve times`."""
    number = TIMES[depth] if depth < len(TIMES) else f"{depth:,}"
    return f"One block, {number}" + (" times" if depth > 2 else "")
