"""The block's equation, as HTML in the page's colours: Add orange, Norm green."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.config import ModelConfig
from core.config.norms import norm_label
from core.config.wiring import SublayerName
from core.language import t
from dashboard.figures.block import (
    SCALES,
    exceptions,
    factor,
    has_residual,
    inside,
    kinds,
    published,
    sites,
    usual,
)

NAMES = {"attention": "Attn", "feedforward": "FFN"}
OUTER_SITES = ("pre", "inner", "post")


def equation(model: ModelConfig) -> str:
    """One line for both sublayers, or one for each where they differ; then what else is so.

    Layers that differ from the others follow with their own equation and name.
    """
    base = usual(model)
    spans = "".join(f'<span class="equation-line">{line}</span>' for line in _lines(base))
    notes = list(_notes(base, model.depth))
    for layers, one in exceptions(model):
        name = published(one).split(" · ")[0]
        notes.append(f"{layers}, {name}: {'; '.join(_lines(one))}")
    spans += "".join(f'<span class="equation-note">{note}</span>' for note in notes)
    return f'<div class="equation" role="math" aria-label="{plain(spans)}">{spans}</div>'


def plain(html: str) -> str:
    """The same without markup: `y = LN( x + F(x) )`."""
    text = re.sub(r"</span>(?=<span class=\"equation-(line|note))", "; ", html)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text)).strip()


def _lines(model: ModelConfig) -> list[str]:
    both = kinds(model)
    if model.family == "resnet":
        return list(_convolutions(model))
    if len(both) == 1:
        return [f"<i>y</i> = {_right(model, both[0], 'x', NAMES[both[0]])}"]
    shapes = {(has_residual(model, which), *_outside(model, which)) for which in both}
    if len(shapes) == 1:
        return [f"<i>y</i> = {_right(model, 'attention', 'x', 'F')}"]
    return [
        f"<i>{output}</i> = {_right(model, which, into, NAMES[which])}"
        for which, into, output in zip(both, "xy", "yz", strict=True)
    ]


def _outside(model: ModelConfig, which: SublayerName) -> tuple[str, ...]:
    return tuple(site for site in sites(model, which) if site in OUTER_SITES)


def _right(model: ModelConfig, which: SublayerName, into: str, function: str) -> str:
    at = _outside(model, which)
    norm = f'<span class="norm">{norm_label(model.norm)}</span>'
    x = f"<i>{into}</i>"
    name = f"<i>{function}</i>" if len(function) == 1 else f'<span class="word">{function}</span>'
    damping = "/√<i>l</i>" if model.scaling == "lns" else ""
    branch = f"{name}( {norm}({x}){damping} )" if "pre" in at else f"{name}({x})"
    if "inner" in at:
        branch = f"{norm}( {branch} )"
    scale = SCALES.get(model.scaling)
    if scale:
        branch = f"<i>{scale}</i>{'⊙' if scale == 'γ' else ' '}{branch}"
    if has_residual(model, which):
        times = factor(model, which)
        skip = f"<i>{times}</i>{'⊙' if times == 'ω' else ''}{x}" if times else x
        branch = f'<span class="add">{skip} +</span> {branch}'
    return f"{norm}( {branch} )" if "post" in at else branch


def _convolutions(model: ModelConfig) -> Iterator[str]:
    """A ResNet's block: the skip around two convolutions, and what they are."""
    add = '<span class="add"><i>x</i> +</span> ' if model.residual == "on" else ""
    yield f'<i>y</i> = <span class="word">ReLU</span>( {add}<i>F</i>(<i>x</i>) )'
    one = '<span class="word">conv</span>'
    if model.norm != "none":
        one = f'<span class="norm">{norm_label(model.norm)}</span> {one}'
    yield f'<i>F</i> = {one} <span class="word">ReLU</span> {one}'


def _notes(model: ModelConfig, depth: int) -> Iterator[str]:
    """What the equation leaves open: constants, and what is inside F."""
    has_skip = any(has_residual(model, which) for which in kinds(model))
    if model.scaling == "deepnorm":
        alpha = f"<i>α</i> = (2L)^¼ = {(2 * depth) ** 0.25:.2f}, " if has_skip else ""
        said = t("W_V, W_O and FFN × (8L)^-¼ = {value:.2f}", value=(8 * depth) ** -0.25)
        yield f"{alpha}{said}"
    elif model.scaling == "admin" and has_skip:
        yield t(
            "<i>ω</i> from one pass: 1, then <i>ω</i>² = Var(<i>ω</i>x) + Var F of the one before"
        )
    elif model.scaling == "rezero":
        yield t("<i>α</i> = 0 at first, one for each layer")
    elif model.scaling == "layerscale":
        yield t("<i>γ</i> = {value} at first", value="0.1" if depth <= 18 else "10⁻⁵")
    elif model.scaling == "lns":
        yield t("<i>l</i> counts the layers from 1")
    elif model.scaling == "gpt2":
        yield t("W_O and W_out / √(2L) at first")
    for which in kinds(model):
        for words in inside(model, which):
            yield f"{NAMES[which]}: {words}"
    if model.family == "mlp":
        return
    if model.value_residual and "attention" in kinds(model):
        yield "<i>V</i> = ½<i>V</i> + ½<i>V</i>₁"
    if not model.causal and "attention" in kinds(model):
        yield t("no causal mask")
    if model.embedding_norm:
        yield t("{norm} after the embeddings", norm=norm_label(model.norm))
