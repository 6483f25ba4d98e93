"""What a switch does to the equation as it stands now, and what to expect: a line each. Pure.

The equations of placements, norms and scalings stand in their rows (`wiring.py`, `norms.py`). What
is expected was measured here at 12 layers under Xavier's initialisation, or the line says that its
paper expects it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from core.config.norms import CONVOLUTIONAL, NORMS
from core.config.wiring import PLACEMENTS, RESIDUALS, SCALING_EFFECTS, SUBLAYERS
from core.language import Message, mark

Values = Mapping[str, Any]  # settings by dotted name
SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Effect(NamedTuple):
    """What a switch makes of the equation, and what to expect; either may be empty."""

    equation: str
    expect: str


DEPTH_HARMS = mark("Nothing passes around F. Expect depth to do harm all the same.")
ADD = {
    "on": Effect(
        "y = x + F(x)",
        mark("The gradient also passes around F. Expect depth to do less harm."),
    ),
    "off": Effect(
        "y = F(x)",
        mark(
            "The gradient is a product of Jacobians. Expect it to vanish or to explode with depth."
        ),
    ),
    "attention": Effect(
        "y = x + Attn(x), z = FFN(y)",
        mark("The gradient has to pass every feed-forward network. Expect depth to do harm."),
    ),
    "feedforward": Effect(
        "y = Attn(x), z = y + FFN(y)",
        mark(
            "The gradient has to pass every attention, which mixes the tokens. Expect them to"
            " become alike with depth."
        ),
    ),
}
# What a placement's formula is without a skip, where leaving out the `x +` is not enough.
BARE = {"hybrid": mark("n = N(Attn(x)) with norms on q, k and v, then FFN(n)")}
INIT = {
    "xavier": Effect(
        "Var W = 2 / (n_in + n_out)",
        mark("A branch starts as large as x. Expect a deep post network to die without warm-up."),
    ),
    "gpt2": Effect(
        "W ~ N(0, 0.02²)",
        mark("A branch starts far smaller than x. Expect even a deep post network to learn."),
    ),
    "torch": Effect(
        "W ~ U(±1/√n_in)",
        mark("A branch starts smaller than x. Expect even a deep post network to learn."),
    ),
    "uniform": Effect(
        "W ~ U(±0.1)",
        mark("As the tutorials start: small at both ends, and torch's default between them."),
    ),
}
QK = {
    "off": Effect("A = QKᵀ/√d", mark("Scores grow with the weights.")),
    "head": Effect(
        "A = N(Q)N(K)ᵀ/√d",
        mark("Expect scores to keep their size however large the weights become; head by head."),
    ),
    "width": Effect(
        "A = N(Q)N(K)ᵀ/√d",
        mark(
            "Expect scores to keep their size however large the weights become; all heads at once."
        ),
    ),
}


def effect(dotted: str, values: Values) -> Effect | None:
    """What a setting does beside the others as they are; None of one that has no line."""
    if dotted not in EFFECTS:
        return None
    try:
        found = EFFECTS[dotted](values)
    except (KeyError, TypeError, ValueError):
        return None  # a word of a newer version, a number that can't be read
    return Effect(*(one if isinstance(one, Message) else Message(one) for one in found))


def _parts(values: Values) -> tuple[str, ...]:
    if values["model.family"] != "transformer":
        return ("feedforward",)
    return SUBLAYERS[values["model.sublayers"]]


def _skipped(values: Values) -> str:
    """Where x passes around F: a word of `ADD`, whatever a block holds."""
    parts = _parts(values)
    skipped = [part for part in parts if part in RESIDUALS[values["model.residual"]]]
    if len(skipped) == len(parts):
        return "on"
    return skipped[0] if skipped else "off"


def _residual(values: Values) -> Effect:
    return ADD[_skipped(values)]


def _placement(values: Values) -> Effect:
    row = PLACEMENTS[values["model.placement"]]
    skips, scaling = _skipped(values), values["model.scaling"]
    if skips == "off":
        bare = BARE.get(values["model.placement"]) or row.formula.replace("x + ", "")
        if values["model.placement"] == "none":
            text = mark("Neither Add nor Norm. Expect signal and gradient to fade with each layer.")
            return Effect(_equation(bare), text)
        return Effect(_equation(bare), DEPTH_HARMS)
    if scaling in ("deepnorm", "admin", "rezero"):
        return Effect(*SCALING_EFFECTS[scaling])
    if values["model.placement"] == "post" and values["model.init"] != "xavier":
        text = mark(
            "Every norm rescales the skip path too. Branches that start small let it learn all the"
            " same."
        )
        return Effect(_equation(row.formula), text)
    return Effect(_equation(row.formula), row.expect)


def _equation(formula: str) -> str:
    """A row's formula as an equation: `y = x + F(N(x))`; words and several equations stay."""
    formula = formula.partition(", no norm")[0]
    return f"y = {formula}" if re.fullmatch(r"[xFN() +]+", formula) else formula


def _norm(values: Values) -> Effect:
    row = (NORMS | CONVOLUTIONAL)[values["model.norm"]]
    return Effect(row.equation or row.summary, row.expect)


def _depth(values: Values) -> Effect:
    return _deep(int(values["model.depth"]), len(_parts(values)), values)


def _stages(values: Values) -> Effect:
    return _deep(4 * int(values["model.blocks_per_stage"]), 1, values)


def _deep(blocks: int, parts: int, values: Values) -> Effect:
    last = str(blocks).translate(SUBSCRIPT)
    equation = f"x{last} = f{last}(… f₁(x₀))" if blocks > 1 else "x₁ = f₁(x₀)"
    factors = blocks * parts
    if _skipped(values) == "off":
        text = Message(
            "{n} Jacobian on the gradient's way.",
            "{n} Jacobians are multiplied on the gradient's way. Expect the more harm, the more"
            " there are.",
            n=factors,
        )
    else:
        text = Message(
            "Expect what the switches above do once.",
            "Expect what the switches above do to add up over {n} sublayers.",
            n=factors,
        )
    return Effect(equation, text)


def _warmup(values: Values) -> Effect:
    steps = int(values["optimizer.warmup_steps"])
    needs = values["model.placement"] == "post" and values["model.family"] != "resnet"
    if _skipped(values) == "off":
        text = mark("Expect little of it while nothing passes around F.")
    elif not steps and needs:
        text = mark("The first steps are whole ones. Expect a deep post network to die of them.")
    elif not steps:
        text = mark("The first steps are whole ones. Expect post to mind, pre not.")
    elif needs:
        text = mark("The first steps are small. Expect it to save post where the rate is not high.")
    else:
        text = mark("The first steps are small. Expect the same end a little later.")
    return Effect(f"ηₜ = η · t/{steps + 1}, t ≤ {steps}" if steps else "ηₜ = η", text)


def _rate(values: Values) -> Effect:
    text = mark("Expect faster learning up to a rate beyond which it diverges; post bears less.")
    return Effect(f"η = {float(values['optimizer.learning_rate']):g}", text)


def _init(values: Values) -> Effect:
    return INIT[values["model.init"]]


def _scaling(values: Values) -> Effect:
    return Effect(*SCALING_EFFECTS[values["model.scaling"]])


def _qk_norm(values: Values) -> Effect:
    return QK[values["model.qk_norm"]]


EFFECTS: dict[str, Callable[[Values], Effect]] = {
    "model.residual": _residual,
    "model.placement": _placement,
    "model.norm": _norm,
    "model.depth": _depth,
    "model.blocks_per_stage": _stages,
    "model.init": _init,
    "model.scaling": _scaling,
    "model.qk_norm": _qk_norm,
    "optimizer.warmup_steps": _warmup,
    "optimizer.learning_rate": _rate,
}
