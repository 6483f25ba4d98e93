"""One block as an inline drawing: the stream from left to right, arcs carry x past a sublayer.

Colours are the page's CSS variables, so that the drawing follows light and dark by itself.
"""

from __future__ import annotations

from html import escape

from core.config import ModelConfig
from dashboard.figures.block import (
    NORM_WORDS,
    SUBLAYERS,
    Part,
    has_residual,
    parts,
    published,
    sublayer,
)

STREAM, TOP, HEIGHT = 52, 14, 84
BOX = 28
GAP = 12
FORK = 14  # from the fork of the arc to the first box
WIDTHS = {"norm": 42, "attention": 66, "feedforward": 66, "add": 18}


def diagram(model: ModelConfig) -> str:
    """The drawing as SVG."""
    x = 18.0
    drawn: list[str] = []
    for which in SUBLAYERS:
        x, shapes = _sublayer(sublayer(model, which), x, has_residual(model, which))
        drawn += shapes
    end = x + 8
    drawn.append(_label(end + 11, STREAM - 10, f"× {model.depth}", "repeat"))
    end += 24
    if model.has_final_norm:
        drawn.append(_box(end, "norm final", NORM_WORDS[model.norm], WIDTHS["norm"]))
        drawn.append(_label(end + WIDTHS["norm"] / 2, STREAM + BOX / 2 + 13, "before the head"))
        end += WIDTHS["norm"] + GAP
    stream = f'<line class="stream" x1="4" y1="{STREAM}" x2="{end + 4:g}" y2="{STREAM}"/>'
    head = f'<path class="arrow" d="M{end + 3:g} {STREAM - 4}l7 4l-7 4z"/>'
    width = end + 14
    return (
        f'<svg class="diagram" viewBox="0 0 {width:g} {HEIGHT}" style="max-width:{width:g}px"'
        f' role="img" aria-label="{escape(describe(model))}">{stream}{head}{"".join(drawn)}</svg>'
    )


def describe(model: ModelConfig) -> str:
    """The drawing in words, for those who can't see it."""
    names = {"norm": "norm", "add": "add", "attention": "attention", "feedforward": "feed-forward"}
    order = ", ".join(names[part.kind] for part in parts(model))
    final = "; then a final norm" if model.has_final_norm else ""
    return f"{published(model)}. In order: {order}{final}."


def _sublayer(line: list[Part], x: float, bridged: bool) -> tuple[float, list[str]]:
    """Shapes of one sublayer from `x` on, and where it ends."""
    fork = x
    x += FORK if bridged else 4
    shapes = []
    for part in line:
        width = WIDTHS[part.kind]
        if part.kind == "add":
            centre = x + width / 2
            shapes.append(
                f'<path class="arc" d="M{fork:g} {STREAM}V{TOP}H{centre:g}V{STREAM - 9}"/>'
                f'<circle class="plus" cx="{centre:g}" cy="{STREAM}" r="9"/>'
                f'<path class="sign" d="M{centre - 4.5:g} {STREAM}h9M{centre:g} {STREAM - 4.5}v9"/>'
            )
        else:
            shapes.append(_box(x, part.kind, part.label, width))
        x += width + GAP
    return x, shapes


def _box(x: float, kind: str, label: str, width: float) -> str:
    top = STREAM - BOX / 2
    return (
        f'<rect class="box {kind}" x="{x:g}" y="{top:g}" width="{width:g}" height="{BOX}" rx="6"/>'
        + _label(x + width / 2, STREAM + 4, label, f"in {kind}")
    )


def _label(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'
