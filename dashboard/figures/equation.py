"""The block's equation, as HTML in the page's colours: Add orange, Norm green."""

from __future__ import annotations

import re

from core.config import ModelConfig
from dashboard.figures.block import NORM_WORDS, NORMS, SUBLAYERS, Which, has_residual

NAMES = {"attention": "Attn", "feedforward": "FFN"}


def equation(model: ModelConfig) -> str:
    """One line for both sublayers, or one for each where only one of them is bridged."""
    if has_residual(model, "attention") == has_residual(model, "feedforward"):
        lines = [f"<i>y</i> = {_right(model, 'attention', 'x', 'F')}"]
    else:
        lines = [
            f"<i>{output}</i> = {_right(model, which, into, NAMES[which])}"
            for which, into, output in zip(SUBLAYERS, "xy", "yz", strict=True)
        ]
    spans = "".join(f'<span class="equation-line">{line}</span>' for line in lines)
    return f'<div class="equation" role="math" aria-label="{plain(spans)}">{spans}</div>'


def plain(html: str) -> str:
    """The same without markup: `y = LN( x + F(x) )`."""
    text = re.sub(r"</span>(?=<span class=\"equation-line)", "; ", html)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text)).strip()


def _right(model: ModelConfig, which: Which, into: str, function: str) -> str:
    pre, inner, post = NORMS[model.placement]
    norm = f'<span class="norm">{NORM_WORDS[model.norm]}</span>'
    x = f"<i>{into}</i>"
    name = f"<i>{function}</i>" if len(function) == 1 else f'<span class="word">{function}</span>'
    branch = f"{name}( {norm}({x}) )" if pre else f"{name}({x})"
    if inner:
        branch = f"{norm}( {branch} )"
    if has_residual(model, which):
        branch = f'<span class="add">{x} +</span> {branch}'
    return f"{norm}( {branch} )" if post else branch
