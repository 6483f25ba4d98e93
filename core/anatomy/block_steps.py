"""One layer as steps, in the order in which it computes: the names and equations of its matrices.

From the layer's own wiring, ``y = post( skip(x) + scale · inner( F( pre(x) ) ) )``, and without
torch, so that a page can draw the list before anybody has computed a number. Every observable that
`trace` has of the layer belongs to exactly one step. A few steps have none, as the norm before a
sublayer: those are computed from what is shown. Letters as in the tutorials: X, Q, K, V, scores A,
weights W, Y of attention and Z of the feed-forward network; a prime is what leaves the sublayer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from core.config import PLACEMENTS, ModelConfig
from core.config.norms import norm_equation, norm_label
from core.config.wiring import RESIDUALS, SublayerName
from core.language import Message, mark

Kind = Literal["", "add", "norm"]
Piece = tuple[Kind, str]  # a part of an equation, and whether it is Add's or Norm's

# Where a step stands in a layer, in the order of any wiring.
SUBLAYER = ("norm", "q", "k", "v", "scores", "pattern", "head", "pre", "post", "out", "inner")
ORDER = (
    "x",
    *(f"{part}.{at}" for part in ("attn", "mlp") for at in (*SUBLAYER, "scale", "sum", "leaves")),
)
ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU", "gelu_tanh": "GELU", "swiglu": "SiLU"}
TITLES = {
    "x": mark("Input of the layer"),
    "attn.norm": mark("Norm before attention"),
    "attn.q": mark("Queries"),
    "attn.k": mark("Keys"),
    "attn.v": mark("Values"),
    "attn.scores": mark("Scores"),
    "attn.pattern": mark("Weights"),
    "attn.head": mark("Weighted values"),
    "attn.out": mark("Attention output"),
    "attn.inner": mark("Norm of the output"),
    "attn.scale": mark("Scaled output"),
    "attn.sum": mark("Add"),
    "attn.leaves": mark("Norm after Add"),
    "mlp.norm": mark("Norm before feed-forward"),
    "mlp.pre": mark("Hidden units"),
    "mlp.post": mark("After the activation"),
    "mlp.out": mark("Feed-forward output"),
    "mlp.inner": mark("Norm of the output"),
    "mlp.scale": mark("Scaled output"),
    "mlp.sum": mark("Add"),
    "mlp.leaves": mark("Norm after Add"),
}
WITHOUT = {"sum": mark("No Add: the branch alone"), "leaves": mark("Norm of the branch")}


@dataclass(frozen=True)
class Step:
    """One matrix of a layer: `key` is its place in `ORDER`, `symbol` its letter.

    `observables` are the names under which `trace` has these very numbers; without any they are
    computed from those that `made_of` names. `where` says what a norm of the equation does, and
    which of its letters are trained.
    """

    key: str
    symbol: str
    title: str
    equation: tuple[Piece, ...]
    observables: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    by_head: bool = False
    where: str = ""


@dataclass
class _Layer:
    """The steps so far; `stream` is the letter of what flows on, `own` the layer's wiring."""

    own: ModelConfig
    layer: int
    head: int
    stream: str = "X"
    flows: str = ""  # the observable of the stream
    found: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = f"blocks.{self.layer}"
        self.label = norm_label(self.own.norm)
        self.flows = f"{self.name}.resid_pre"

    def add(
        self,
        key: str,
        symbol: str,
        *right: Piece | str,
        seen: Sequence[str] = (),
        made_of: Sequence[str] = (),
        title: str = "",
        by_head: bool = False,
    ) -> None:
        pieces: list[Piece] = [("", p) if isinstance(p, str) else p for p in right if p]
        equation: tuple[Piece, ...] = (("", f"{symbol} = "), *pieces) if pieces else (("", symbol),)
        observables = tuple(f"{self.name}.{one}" for one in seen)
        sources = tuple(one if "blocks" in one else f"{self.name}.{one}" for one in made_of)
        said = title or TITLES[key]
        normed = any(kind == "norm" for kind, _ in pieces)
        where = self.where() if normed else ""
        step = Step(key, symbol, said, equation, observables, sources, by_head, where)
        self.found.append(step)

    def where(self) -> str:
        """What the norm does: each norm has letters of its own."""
        equation, letters = norm_equation(self.own.norm, self.own.bias, self.label)
        return Message("{equation}, trained: {letters}", equation=equation, letters=letters)

    def normed(self, text: str) -> tuple[Piece, ...]:
        return (("norm", f"{self.label}("), ("", f" {text} "), ("norm", ")"))


def steps(model: ModelConfig, layer: int, head: int = 0) -> list[Step]:
    """The steps of a layer and of one head of its attention, both counted from 0."""
    now = _Layer(model.at(layer), layer, head)
    now.add("x", "X", seen=["resid_pre"])
    parts = model.parts
    for which in parts:
        last = which == parts[-1]
        if which == "attention":
            _attention(now)
            _around(now, "attn", which, "Y", "resid_post" if last else "resid_mid")
        else:
            _feedforward(now)
            _around(now, "mlp", which, "Z", "resid_post")
    return now.found


def _read(now: _Layer, part: str, which: SublayerName) -> str:
    """The letter that F reads: the stream, or the stream normed."""
    if "pre" not in PLACEMENTS[now.own.placement].sites(which):
        return now.stream
    symbol = "N" if part == "attn" else "N′"
    damped = f" / √{now.layer + 1}" if now.own.scaling == "lns" else ""
    now.add(f"{part}.norm", symbol, *now.normed(now.stream), damped, made_of=[now.flows])
    return symbol


def _attention(now: _Layer) -> None:
    own, row = now.own, PLACEMENTS[now.own.placement]
    read, size = _read(now, "attn", "attention"), now.own.width // now.own.heads
    turned = own.positions == "rotary"
    for name in "qk":
        product = f"{read} W_{name.upper()}" + (f" + b_{name.upper()}" if own.bias else "")
        normed = own.qk_norm != "off" or name in row.attention
        right: tuple[Piece, ...] = now.normed(product) if normed else (("", product),)
        if turned:
            right = (("", "rotate( "), *right, ("", " )"))
        now.add(f"attn.{name}", name.upper(), *right, seen=[f"attn.{name}"], by_head=True)
    product = f"{read} W_V" + (" + b_V" if own.bias else "")
    values: tuple[Piece, ...] = now.normed(product) if "v" in row.attention else (("", product),)
    if own.value_residual and now.layer:
        values = (("", "½ "), *(values if len(values) > 1 else (("", f"({product})"),)))
        values = (*values, ("", " + ½ V of layer 1"))
    now.add("attn.v", "V", *values, seen=["attn.v"], by_head=True)
    bias = " + slope · (j − i)" if own.positions == "alibi" and own.causal else ""
    bias = bias or (" − slope · |j − i|" if own.positions == "alibi" else "")
    masked = ", −∞ where j > i" if own.causal else ""
    scores = f"Q Kᵀ / √{size}{bias}{masked}"
    now.add("attn.scores", "A", scores, seen=["attn.scores"], by_head=True)
    now.add("attn.pattern", "W", "softmax(A)", seen=["attn.pattern"], by_head=True)
    number = str(now.head + 1).translate(SUBSCRIPT)
    made_of = ["attn.pattern", "attn.v"]
    now.add("attn.head", f"Y{number}", "W V", made_of=made_of, by_head=True)
    each = [f"{_gain(own, i)}Y{str(i).translate(SUBSCRIPT)}" for i in range(1, own.heads + 1)]
    joined = " ".join(each if len(each) < 4 else (each[0], "…", each[-1]))
    whole = f"[{joined}]" if len(each) > 1 else joined
    right = now.normed(whole) if "joined" in row.attention else (("", whole),)
    now.add("attn.out", "Y", *right, " W_O" + (" + b_O" if own.bias else ""), seen=["attn.out"])


SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _gain(own: ModelConfig, head: int) -> str:
    """NormFormer's trained number of a head."""
    return f"γ{str(head).translate(SUBSCRIPT)}" if PLACEMENTS[own.placement].head_scale else ""


def _feedforward(now: _Layer) -> None:
    own = now.own
    read, b = _read(now, "mlp", "feedforward"), " + b" if now.own.bias else ""
    phi = ACTIVATIONS[own.activation]
    gated = own.activation == "swiglu"
    now.add("mlp.pre", "U", f"{read} W_{'gate' if gated else 'in'}{b}", seen=["mlp.pre"])
    after = f"{phi}(U)" + (f" ⊙ ({read} W_in{b})" if gated else "")
    now.add("mlp.post", "H", after, seen=["mlp.post"])
    inside = "hidden" in PLACEMENTS[own.placement].feedforward
    right: tuple[Piece, ...] = now.normed("H") if inside else (("", "H"),)
    now.add("mlp.out", "Z", *right, f" W_out{b}", seen=["mlp.out"])


def _around(now: _Layer, part: str, which: SublayerName, branch: str, leaves: str) -> None:
    """What is done to the branch, Add, and the norm after it; `leaves` names what flows on."""
    own, sites = now.own, PLACEMENTS[now.own.placement].sites(which)
    prime, source = "′" if part == "mlp" else "", f"{part}.out"
    out = f"{branch}′"
    if "inner" in sites:
        now.add(f"{part}.inner", f"M{prime}", *now.normed(branch), made_of=[source])
        branch = f"M{prime}"
    if own.scaling in ("rezero", "layerscale"):
        times = "α " if own.scaling == "rezero" else "γ ⊙ "
        now.add(f"{part}.scale", f"C{prime}", f"{times}{branch}", made_of=[source])
        branch = f"C{prime}"
    post = "post" in sites
    symbol = f"S{prime}" if post else out
    right: list[Piece] = [("", branch)]
    has_skip = which in RESIDUALS[own.residual]
    if has_skip:
        times = {"deepnorm": "α ", "admin": "ω ⊙ "}.get(own.scaling, "")
        right = [("add", f"{times}{now.stream} + "), ("", branch)]
        if own.scaling == "deepnorm":
            right.append(("", f",  α = {(2 * own.depth) ** 0.25:.3f}"))
    title = TITLES[f"{part}.sum"] if has_skip else WITHOUT["sum"]
    seen = [f"{part}.sum", *([] if post else [leaves])]
    now.add(f"{part}.sum", symbol, *right, seen=seen, title=title)
    if post:
        said = TITLES[f"{part}.leaves"] if has_skip else WITHOUT["leaves"]
        now.add(f"{part}.leaves", out, *now.normed(symbol), seen=[leaves], title=said)
    now.stream, now.flows = out, f"{now.name}.{leaves}"


def other_wiring(model: ModelConfig, layer: int) -> ModelConfig:
    """The network that a layer is compared with: post-LN, and of post-LN pre-LN, as published.

    All that is inside the sublayers stays.
    """
    own = model.at(layer)
    placement = "pre" if own.placement == "post" else "post"
    turned = {
        "placement": placement,
        "norm": own.norm if own.norm in ("layer", "rms", "dyt") else "layer",
        "residual": "on",
        "scaling": "one",
        "final_norm": "auto",
        "overrides": (),
    }
    return ModelConfig.model_validate({**model.model_dump(), **turned})


def beside(lanes: Sequence[Sequence[Step]]) -> list[list[int | None]]:
    """The lanes' steps side by side: of each row the index of a step in every lane, or None."""
    places = [{step.key: i for i, step in enumerate(lane)} for lane in lanes]
    rows = ([place.get(key) for place in places] for key in ORDER)
    return [row for row in rows if any(i is not None for i in row)]


def words(equation: Sequence[Piece]) -> str:
    """An equation as one line of text."""
    return "".join(text for _, text in equation)


def observables(found: Sequence[Step]) -> Iterator[str]:
    """Every name of `trace` that the steps show, in their order."""
    for step in found:
        yield from step.observables
