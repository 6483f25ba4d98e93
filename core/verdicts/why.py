"""Why a network of this wiring learns or dies, in two sentences. Pure.

After Xiong et al. 2020, On Layer Normalization in the Transformer Architecture (arXiv 2002.04745).
"""

from __future__ import annotations

from collections.abc import Sequence

from core.config import RunConfig
from core.language import Message, mark
from core.verdicts.labels import DEAD_KINDS, VerdictKind
from core.verdicts.rules import APART

DEEP = 6  # sublayers from which on the factors of single ones add up to something
# Scalings that leave the skip path and the branch as they are at first; others change the law.
PLAIN = ("one", "gpt2")

NORM = mark(
    "LayerNorm subtracts the mean of a token's features and divides by their standard deviation;"
    " Add lets a sublayer's input pass around it, x + F(x)."
)
POST = mark(
    "With the norm after each addition (post-LN) every norm rescales the sum of skip path and"
    " branch, and on the way back it shrinks the gradient of the skip path too, by about 1/√2 a"
    " sublayer at initialisation where both are of one size. Through {sublayers} sublayers little"
    " of the signal reaches the first layers (Xiong et al. 2020)."
)
PRE = mark(
    "With the norm before each sublayer (pre-LN) no norm stands on the skip path between the"
    " layers. So the gradient that comes along it reaches every layer undiminished (Xiong et al."
    " 2020)."
)
BARE = mark(
    "Without residual connections nothing passes around a layer. Each of the {sublayers} sublayers"
    " multiplies the gradient on its way back to the first one."
)


def why(
    kind: VerdictKind, config: RunConfig, gradients: Sequence[float] = (), *, paired: bool = False
) -> str:
    """The mechanism of a dead post-LN network, of one without residual connections, or (`paired`
    with a dead one) of a living pre-LN network; "" where none is known to apply.

    `gradients` are its measured gradient norms by layer, first to last, where there are any: one
    that is not smaller in the first layer did not die of what post-LN does.
    """
    model = config.model
    sublayers = len(model.parts) * model.depth
    if model.family == "resnet" or model.overrides or config.training.switches:
        return ""
    if sublayers < DEEP:
        return ""
    if kind in DEAD_KINDS and model.residual == "off":
        text = BARE
    elif model.residual != "on" or model.norm == "none" or model.scaling not in PLAIN:
        return ""
    elif kind in DEAD_KINDS and model.placement == "post" and _shrinks(gradients):
        text = POST
    elif kind == "learned" and model.placement == "pre" and paired:
        text = PRE
    else:
        return ""
    return Message(text, sublayers=sublayers)


def _shrinks(gradients: Sequence[float]) -> bool:
    return len(gradients) < 2 or APART * gradients[0] < gradients[-1]
