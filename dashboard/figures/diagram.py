"""One block as an inline drawing: the stream from left to right, arcs carry x past a sublayer.

Colours are the page's CSS variables, so that the drawing follows light and dark by itself.
"""

from __future__ import annotations

from html import escape

from core.config import ModelConfig
from core.config.norms import norm_label
from core.language import mark, t
from dashboard.figures.block import (
    Part,
    alike,
    exceptions,
    has_residual,
    kinds,
    parts,
    published,
    sublayer,
    usual,
)

STREAM, TOP, HEIGHT = 52, 14, 84
BOX = 28
GAP = 12
SHORT = {"attention": mark("attn"), "feed-fwd": mark("ffn")}  # where the drawing is small
FORK = 14  # from the fork of the arc to the first box
WIDTHS = {
    "norm": 42,
    "attention": 66,
    "feedforward": 66,
    "scale": 22,
    "add": 18,
    "conv": 40,
    "relu": 46,
}


def diagram(model: ModelConfig, times: bool = True) -> str:
    """The drawing as SVG; layers that differ follow as smaller ones, with their names.

    `times`: how many layers are like it is written beside it.
    """
    base = usual(model)
    many = f"× {alike(model)}" if times else ""
    main = _drawing(base, 18.0, many, describe(model), final=model.has_final_norm)
    small = "".join(
        f'<div class="exception"><span>{escape(layers)}: {escape(_short(one))}</span>'
        + _drawing(one, 18.0, "", f"{layers}: {describe(one)}", small=True)
        + "</div>"
        for layers, one in exceptions(model)
    )
    return main + small


def _short(model: ModelConfig) -> str:
    return published(model).split(" · ")[0]


def _drawing(
    model: ModelConfig, x: float, times: str, words: str, final: bool = False, small: bool = False
) -> str:
    drawn: list[str] = []
    for which in kinds(model):
        x, shapes = _sublayer(sublayer(model, which), x, has_residual(model, which))
        drawn += shapes
    end = x + 8
    if times:
        drawn.append(_label(end + 11, STREAM - 20, times, "repeat"))
        end += 24
    if final:
        drawn.append(_box(end, "norm final", norm_label(model.norm), WIDTHS["norm"]))
        drawn.append(
            _label(end + WIDTHS["norm"] / 2, STREAM + BOX / 2 + 13, t("before the head"), "where")
        )
        end += WIDTHS["norm"] + GAP
    stream = f'<line class="stream" x1="4" y1="{STREAM}" x2="{end + 4:g}" y2="{STREAM}"/>'
    head = f'<path class="arrow" d="M{end + 3:g} {STREAM - 4}l7 4l-7 4z"/>'
    width = end + 14
    return (  # --w: the style sheet keeps words readable however small the drawing is
        f'<svg class="diagram{" small" if small else ""}" viewBox="0 0 {width:g} {HEIGHT}"'
        f' style="max-width:{width:g}px;--w:{width:g}" role="img" aria-label="{escape(words)}">'
        f"{stream}{head}{''.join(drawn)}</svg>"
    )


# What parts are called by those who can't see them.
WORDS: dict[str, str] = {
    "norm": mark("norm"),
    "attention": mark("attention"),
    "feedforward": mark("feed-forward"),
    "scale": mark("scale"),
    "add": mark("add"),
    "conv": mark("convolution"),
    "relu": "ReLU",
}


def describe(model: ModelConfig) -> str:
    """The drawing in words, for those who can't see it."""
    order = t(", ").join(t(WORDS[part.kind]) for part in parts(model))
    values = {"wiring": published(model), "order": order}
    if model.has_final_norm:
        return t("{wiring}. In order: {order}; then a final norm.", **values)
    return t("{wiring}. In order: {order}.", **values)


def _sublayer(line: list[Part], x: float, has_skip: bool) -> tuple[float, list[str]]:
    """Shapes of one sublayer from `x` on, and where it ends."""
    fork = x
    x += FORK if has_skip else 4
    shapes = []
    for part in line:
        width = max(WIDTHS[part.kind], 8 * len(part.label) + 12 if part.kind == "norm" else 0)
        if part.kind == "add":
            centre = x + width / 2
            shapes.append(
                f'<path class="arc" d="M{fork:g} {STREAM}V{TOP}H{centre:g}V{STREAM - 9}"/>'
                f'<circle class="plus" cx="{centre:g}" cy="{STREAM}" r="9"/>'
                f'<path class="sign" d="M{centre - 4.5:g} {STREAM}h9M{centre:g} {STREAM - 4.5}v9"/>'
            )
            if part.note:  # what the skip multiplies x by
                shapes.append(_label((fork + centre) / 2, TOP - 3, part.note, "factor"))
        else:
            shapes.append(_box(x, part.kind, part.label, width))
            if part.note:
                under = STREAM + BOX / 2 + 13
                shapes.append(_label(x + width / 2, under, part.note, "inside"))
        x += width + GAP
    return x, shapes


def _box(x: float, kind: str, label: str, width: float) -> str:
    top = STREAM - BOX / 2
    return (
        f'<rect class="box {kind}" x="{x:g}" y="{top:g}" width="{width:g}" height="{BOX}" rx="6"/>'
        + _label(x + width / 2, STREAM, t(label), f"in {kind}", t(SHORT.get(label, "")))
    )


def _label(x: float, y: float, text: str, kind: str = "", short: str = "") -> str:
    words = escape(text)
    if short:
        words = f'<tspan class="long">{words}</tspan><tspan class="short">{escape(short)}</tspan>'
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{words}</text>'
