"""Small drawings for the glossary, each computed from its term's own formula; inline SVG.

They are sketches of what a word means, without data of a run. Colours are the page's CSS variables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from core.language import mark, t

WIDTH, HEIGHT = 300, 92
TEXT = 12  # px
Row = NDArray[np.float64]


def _svg(shapes: Iterable[str], words: str) -> str:
    return (
        f'<svg class="term-picture" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(t(words))}">{"".join(shapes)}</svg>'
    )


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(t(words))}</text>'


def _bars(values: Sequence[float], x: float, zero: float, scale: float, colour: str) -> str:
    """Vertical bars around a line at `zero`; `scale` is the pixels of 1."""
    width, gap = 11, 4
    end = x + len(values) * (width + gap)
    drawn = [f'<line class="axis" x1="{x - 4:g}" y1="{zero:g}" x2="{end:g}" y2="{zero:g}"/>']
    for i, value in enumerate(values):
        top = zero - max(value, 0) * scale
        drawn.append(
            f'<rect x="{x + i * (width + gap):g}" y="{top:.1f}" width="{width}"'
            f' height="{max(abs(value) * scale, 0.8):.1f}" style="fill:var(--{colour})"/>'
        )
    return "".join(drawn)


def _line(xs: Row, ys: Row, colour: str, dash: str = "") -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    style = f"fill:none;stroke:var(--{colour});stroke-width:2"
    return f'<polyline points="{points}" style="{style}"{dashes}/>'


def _cells(share: Row, x: float, y: float, side: float, skip: bool = False) -> str:
    """A square of shares as shades of the attention's blue; with `skip` what is masked is empty."""
    n = len(share)
    drawn = [
        f'<rect class="frame" x="{x:g}" y="{y:g}" width="{n * side:g}" height="{n * side:g}"/>'
    ]
    for i in range(n):
        for j in range(n):
            if skip and j > i:
                continue
            shade = 100 * math.sqrt(share[i, j])
            drawn.append(
                f'<rect x="{x + j * side:g}" y="{y + i * side:g}" width="{side - 1:g}"'
                f' height="{side - 1:g}"'
                f' style="fill:color-mix(in srgb,var(--attention) {shade:.0f}%,var(--card))"/>'
            )
    return "".join(drawn)


def softmax(values: Sequence[float]) -> Row:
    """Shares that add up to 1."""
    powers = np.exp(np.asarray(values, dtype=np.float64) - max(values))
    return np.asarray(powers / powers.sum(), dtype=np.float64)


def layer_norm() -> str:
    """A vector before and after (x - mean) / standard deviation."""
    x = np.array([3.4, 1.2, 2.6, 4.0, 0.6, 2.0, 3.0, 1.6])
    y = (x - x.mean()) / x.std()
    words = t("mean {mean:.1f}, deviation {deviation:.1f}", mean=x.mean(), deviation=x.std())
    return _svg(
        [
            _bars(list(x), 12, 72, 14, "muted"),
            _text(70, 88, words),
            '<path class="axis" d="M140 46h14m-5-4l5 4l-5 4"/>',
            _bars(list(y), 172, 46, 14, "norm"),
            _text(230, 88, mark("mean 0, deviation 1")),
        ],
        t(
            "A vector of eight numbers with {words}; after LayerNorm with mean 0 and deviation 1.",
            words=words,
        ),
    )


def causal_mask() -> str:
    """Uniform attention under the mask: row i spreads over i tokens."""
    n = 7
    share = np.tril(np.ones((n, n))) / np.arange(1, n + 1)[:, None]
    return _svg(
        [
            _cells(share, 106, 4, 12, skip=True),
            _text(98, 50, mark("query"), "end"),
            _text(202, 50, mark("key"), "start"),
            _text(139, 20, mark("not seen"), "start"),
        ],
        mark("A square of seven queries and seven keys; all above the diagonal is empty."),
    )


def softmax_picture() -> str:
    """Five numbers and their shares."""
    values = [1.0, 2.0, 0.5, 3.0, -1.0]
    return _svg(
        [
            _bars(values, 20, 56, 14, "muted"),
            _text(58, 88, "z"),
            '<path class="axis" d="M134 46h14m-5-4l5 4l-5 4"/>',
            _bars(list(softmax(values)), 176, 72, 90, "attention"),
            _text(214, 88, mark("shares, sum 1")),
        ],
        mark("Five numbers; after softmax five positive shares, the largest takes more than half."),
    )


def warm_up() -> str:
    """The rate over the steps: a rise, then constant or a cosine."""
    t = np.linspace(0, 1, 101)
    rise = np.minimum(1, t / 0.2)
    decay = np.where(t < 0.2, rise, 0.1 + 0.45 * (1 + np.cos(np.pi * (t - 0.2) / 0.8)))
    xs = 34 + 232 * t
    return _svg(
        [
            '<path class="axis" d="M34 8V72H270"/>',
            _line(xs, 72 - 56 * rise, "ink"),
            _line(xs, 72 - 56 * decay, "muted", "5 4"),
            _text(80, 88, mark("warm-up")),
            _text(262, 12, mark("constant"), "end"),
            _text(150, 62, mark("cosine"), "start"),
        ],
        mark("The learning rate rises over the first fifth of the steps, then stays or falls."),
    )


def plateau() -> str:
    """A loss that falls onto the plateau, and one that goes on."""
    t = np.linspace(0, 1, 101)
    xs = 34 + 200 * t
    dead = 3.25 + 0.9 * np.exp(-t * 22)
    alive = 2.3 + 1.85 * np.exp(-t * 6)
    y: Callable[[Row], Row] = lambda loss: 8 + (4.2 - loss) * 32  # noqa: E731
    level = y(np.array([3.25]))[0]
    return _svg(
        [
            '<path class="axis" d="M34 6V78H240"/>',
            f'<line class="axis" x1="34" y1="{level:.1f}" x2="240" y2="{level:.1f}"'
            ' stroke-dasharray="4 4"/>',
            _line(xs, y(dead), "warning"),
            _line(xs, y(alive), "norm"),
            _text(242, level + 4, mark("plateau"), "start"),
            _text(242, y(alive)[-1] + 4, mark("learns"), "start"),
            _text(137, 90, mark("steps")),
        ],
        mark(
            "Two losses over the steps: one stays at the dashed plateau, the other falls below it."
        ),
    )


def memorising() -> str:
    """Training loss falls, validation loss turns."""
    at = np.linspace(0, 1, 101)
    xs = 34 + 180 * at
    train = 0.3 + 3 * np.exp(-at * 3.2)
    held = train + 0.15 + 2.6 * np.maximum(0, at - 0.25) ** 1.6
    y: Callable[[Row], Row] = lambda loss: 74 - loss * 19  # noqa: E731
    return _svg(
        [
            '<path class="axis" d="M34 6V78H220"/>',
            _line(xs, y(train), "ink"),
            _line(xs, y(held), "warning", "5 4"),
            _text(222, y(held)[-1] + 4, mark("validation"), "start"),
            _text(222, y(train)[-1] + 2, t("Training").lower(), "start"),
            _text(127, 90, mark("steps")),
        ],
        mark("The training loss falls all the time; the validation loss falls, then rises."),
    )


def entropy() -> str:
    """A sharp row of attention and an even one, with their entropies."""
    sharp, even = softmax([0, 0, 5, 1, 0, 0, 0, 0]), np.full(8, 1 / 8)
    shapes = []
    for x, row in ((16, sharp), (172, even)):
        said = t("{entropy:.2f} nats", entropy=-(row * np.log(row)).sum())
        shapes += [_bars(list(row), x, 68, 62, "attention"), _text(x + 58, 86, said)]
    return _svg(
        shapes, mark("A head that looks at one token, entropy near 0, and one at all eight.")
    )


def rank_collapse() -> str:
    """Tokens as points: repeated averaging moves them together."""
    rng = np.random.default_rng(3)
    points = rng.normal(size=(9, 2))
    mix = np.full((9, 9), 0.055) + np.eye(9) * 0.505
    shapes = []
    for layer, x in enumerate((54, 150, 246)):
        shapes += [
            f'<circle cx="{x + px * 19:.1f}" cy="{40 + py * 17:.1f}" r="3.4"'
            ' style="fill:var(--attention)"/>'
            for px, py in points
        ]
        shapes.append(_text(x, 90, t("layer {layer}", layer=1 + 2 * layer)))
        points = mix @ mix @ points
    return _svg(shapes, mark("Nine tokens as points that come together from layer to layer."))


def induction() -> str:
    """The second half of a repeated text: each token looks at what followed it before."""
    letters, side, left = "ABCABC", 12.5, 112
    n, half = len(letters), len(letters) // 2
    share = np.zeros((n, n))
    for i in range(n):
        share[i, i - half + 1 if i >= half else 0] = 1
    places = [(i + 0.5) * side for i in range(n)]
    under = [_text(left + at, 89, c) for at, c in zip(places, letters, strict=True)]
    beside = [_text(left - 6, at + 5, c, "end") for at, c in zip(places, letters, strict=True)]
    return _svg(
        [_cells(share, left, 1, side, skip=True), *under, *beside],
        mark("ABCABC: the second A looks at the first B, the second B at the first C."),
    )


def relu() -> str:
    """max(0, z): what is negative becomes 0, and there the slope is 0 too."""
    z = np.linspace(-3, 3, 61)
    x, y = 60 + (z + 3) * 30, 66 - np.maximum(z, 0) * 18
    axis = '<line class="axis" x1="60" y1="66" x2="240" y2="66"/>'
    middle = '<line class="axis" x1="150" y1="8" x2="150" y2="72"/>'
    return _svg(
        [axis, middle, _line(x, y, "feedforward"), _text(105, 84, mark("0, no gradient")),
         _text(200, 84, mark("z passes")), _text(252, 70, "z", "start")],
        mark(
            "ReLU: what is negative becomes 0 and passes no gradient back; what is positive passes."
        ),
    )  # fmt: skip


def smoothing() -> str:
    """A noisy fall, and its running mean with the factor 0.9."""
    chance = np.random.default_rng(4)
    steps = np.arange(90)
    raw = 3.3 - 1.1 * (1 - np.exp(-steps / 25)) + chance.normal(0, 0.16, len(steps))
    mean, smooth = float(raw[0]), []
    for value in raw:
        mean = 0.9 * mean + 0.1 * value
        smooth.append(mean)
    x = np.asarray(20 + steps * 2.9, dtype=np.float64)
    drawn = np.asarray(84 - (np.stack([raw, smooth]) - 1.8) * 42, dtype=np.float64)
    return _svg(
        [_line(x, drawn[0], "muted"), _line(x, drawn[1], "attention")],
        mark("A loss that scatters from step to step, and the smooth line of its running mean."),
    )


PICTURES: dict[str, Callable[[], str]] = {
    "layer_norm": layer_norm,
    "causal_mask": causal_mask,
    "softmax": softmax_picture,
    "warm_up": warm_up,
    "plateau": plateau,
    "memorising": memorising,
    "entropy": entropy,
    "rank_collapse": rank_collapse,
    "induction": induction,
    "relu": relu,
    "smoothing": smoothing,
}


def picture(name: str) -> str:
    """The drawing of a name. Raises KeyError for one that is not in `PICTURES`."""
    return PICTURES[name]()
