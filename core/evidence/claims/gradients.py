"""Gradients at initialisation."""

from core.evidence.claim import Axes, Claim, Quantity, sentences
from core.evidence.papers import BALDUZZI, COHEN, LIU, NOCI, WANG, XIONG
from core.language import Message

_MEASURE = "core.evidence.measure.gradients"
_PLAIN = (
    "d = 64, 4 heads, ReLU of width 4d, Xavier, 16 × 64 random tokens; Euclidean norm of the"
    " gradient of the second feed-forward matrix W₂."
)
_INDEPENDENT = "measured on an independent implementation"
_LAYERS = Axes("layer", "‖∂L/∂W₂‖", log_y=True)


def _of(layers: str, setting: str = _PLAIN) -> Message:
    return Message("{layers}, {setting}", layers=Message(layers), setting=Message(setting))


CLAIMS = (
    Claim(
        name="theorem-1",
        group="gradients",
        sentence="The gradient of pre-LN's last layer falls with the square root of the depth, that"
        " of post-LN's does not depend on it.",
        paper=XIONG,
        where="Theorem 1",
        formula=r"\left\|\frac{\partial\mathcal{L}}{\partial W^{2,L}}\right\|_F \le"
        r" O\!\left(d\sqrt{\ln d}\right)\ \text{(post)},\quad"
        r" O\!\left(d\sqrt{\tfrac{\ln d}{L}}\right)\ \text{(pre)}",
        setting=sentences(
            "L = 4, 8, 16, 32; slope of log ‖∂L/∂W₂‖ of the last layer against log L.", _PLAIN
        ),
        quantities=(
            Quantity("pre", "slope, pre-LN", -0.75, -0.3, theory="−½"),
            Quantity("post", "slope, post-LN", -0.3, 0.3, strict=False, theory="0"),
        ),
        axes=Axes("layers L", "‖∂L/∂W₂‖ of the last layer", log_x=True, log_y=True),
        function=f"{_MEASURE}:theorem_1",
        seeds=tuple(range(12)),  # four do not say on which side of its band post-LN's slope lies
        seconds=13.0,
        source="the theorem's exponents; the widths of the bands are ours",
        caution="An upper bound for the paper's setting. In a decoder post-LN's slope depends on"
        " where one starts: with d = 80 it was +0.06 from 4 layers on and +0.31 from 3.",
    ),
    Claim(
        name="pre-gradients",
        group="gradients",
        sentence="In pre-LN the last layer's gradient is weaker than the first's, the more so the"
        " deeper the network.",
        paper=XIONG,
        where="Theorem 1 and figure 3",
        formula=r"\|\partial W^{2}_{L}\| \,/\, \|\partial W^{2}_{1}\|",
        setting=_of("6, 12 and 24 layers"),
        quantities=tuple(
            Quantity(f"ratio-{n}", Message("last over first, {n} layers", n=n), v / 1.25, v * 1.25,
                     average="geometric")
            for n, v in ((6, 0.53), (12, 0.36), (24, 0.22))
        ),
        axes=_LAYERS,
        function=f"{_MEASURE}:last_over_first",
        arguments={"wiring": "pre-LN"},
        seconds=5.0,
        source=_INDEPENDENT,
    ),
    Claim(
        name="post-gradients",
        group="gradients",
        sentence="In post-LN the gradient of the last layer is no weaker than that of the first.",
        paper=XIONG,
        where="Theorem 1 and figure 3",
        formula=r"\|\partial W^{2}_{L}\| \,/\, \|\partial W^{2}_{1}\|",
        setting=_of("6, 12 and 24 layers"),
        quantities=tuple(
            Quantity(f"ratio-{n}", Message("last over first, {n} layers", n=n), v / 1.25, v * 1.25,
                     average="geometric")
            for n, v in ((6, 1.1), (12, 1.3), (24, 1.4))
        ),
        axes=_LAYERS,
        function=f"{_MEASURE}:last_over_first",
        arguments={"wiring": "post-LN"},
        seconds=4.0,
        source=_INDEPENDENT,
        caution="Often told as “far above the first layer”: in a decoder it is above by little.",
    ),
    Claim(
        name="deepnorm-gradients",
        group="gradients",
        sentence="DeepNorm's gradients are equally large in every layer.",
        paper=WANG,
        where="the bounded update of DeepNorm",
        formula=r"\alpha = (2L)^{1/4},\quad \beta = (8L)^{-1/4}",
        setting=_of("24 layers"),
        quantities=(
            Quantity("deepnorm", "largest over smallest layer, DeepNorm", 1.0, 1.5, strict=False,
                     average="geometric", theory="1"),
            Quantity("pre", "the same, pre-LN", low=2.0, strict=False, average="geometric"),
        ),
        axes=Axes("layer", "‖∂L/∂W₂‖, over the largest layer's"),
        function=f"{_MEASURE}:flatness",
        seconds=6.0,
        source="the paper's words, not its numbers",
    ),
    Claim(
        name="starvation",
        group="gradients",
        sentence="Where tokens have become alike, queries and keys get hardly any gradient.",
        paper=NOCI,
        where="vanishing gradients of queries and keys",
        formula=r"\left\|\partial\mathcal{L}/\partial W_Q\right\| \ll"
        r" \left\|\partial\mathcal{L}/\partial W_V\right\|",
        setting=_of("The last of 24 layers", _PLAIN.partition(";")[0] + "."),
        quantities=(
            Quantity("post", "‖∂W_Q‖ / ‖∂W_V‖, post-LN", high=0.003, average="geometric"),
            Quantity("pre", "the same, pre-LN", low=0.01, average="geometric"),
            Quantity("none", "the same, no residual", high=1e-5, average="geometric"),
        ),
        axes=Axes("layer", "gradient of the queries over that of the values", log_y=True),
        function=f"{_MEASURE}:starvation",
        seconds=8.0,
        source=_INDEPENDENT,
    ),
    Claim(
        name="output-change",
        group="gradients",
        sentence="A small change of all weights moves the output of post-LN in proportion to its"
        " depth, that of pre-LN by less, and that of DeepNorm no more than a shallow one's.",
        paper=LIU,
        where="Theorem 2 and its corollary",
        formula=r"\mathrm{Var}\!\left[f(W)-f(W^*)\right] ="
        r" O(\log L)\ \text{(pre)},\quad O(L)\ \text{(post)}",
        setting="L = 4, 8, 16, 32, d = 64, Xavier, 4 × 64 random tokens, float64; every matrix of"
        " the blocks moved by εσξ, ε = 0.001; slope of log E‖Δ‖²/ε² at the head's input against"
        " log L.",
        quantities=(
            Quantity("post", "slope, post-LN", 0.8, 1.6, strict=False, theory="1"),
            Quantity("pre", "slope, pre-LN", 0.0, 0.8, strict=False, theory="below post-LN's"),
            Quantity("peri", "slope, Peri-LN", 0.0, 0.8, strict=False),
            Quantity("deepnorm", "slope, DeepNorm", -0.6, 0.1, strict=False, theory="0"),
        ),
        axes=Axes("layers L", "E‖Δf‖² / ε² per feature", log_x=True, log_y=True),
        function=f"{_MEASURE.replace('gradients', 'perturbation')}:output_change",
        seconds=27.0,
        source="the papers' orders; the widths of the bands are ours",
        caution="Which matrices are moved belongs to the claim: with embeddings and head too,"
        " post-LN's slope is 0.73 and DeepNorm's 0.",
    ),
    Claim(
        name="shattered-gradients",
        group="gradients",
        sentence="Gradients of deep networks without residual connections look like noise: inputs"
        " side by side have unlike gradients. Residual connections keep them alike.",
        paper=BALDUZZI,
        where="Sections 2 and 3",
        formula=r"\mathrm{corr}\!\left(\nabla_x f(x),\, \nabla_x f(x + \delta)\right)",
        setting="2, 8 and 24 layers, d = 64, Xavier; 64 even steps between the embeddings of two"
        " texts of 32 tokens, correlation of the input's gradient 8 steps apart.",
        quantities=(
            Quantity("gained", "correlation of pre-LN minus without residual, 24 layers",
                     0.1, 2.0, strict=False, theory="above 0"),
            Quantity("pre", "correlation, pre-LN", 0.5, 1.0, strict=False),
            Quantity("none", "correlation, no residual", high=0.4, strict=False, theory="→ 0"),
        ),
        axes=Axes("layers L", "correlation of input gradients"),
        function=f"{_MEASURE}:shattered",
        seeds=tuple(range(12)),
        seconds=20.0,
        source="the paper's order; the widths of the bands are ours",
        caution="How far it falls is unsettled: an independent measurement found 0.65 without"
        " residual connections; seeds scatter from 0 to 0.6.",
    ),
    Claim(
        name="edge-of-stability",
        group="gradients",
        sentence="Full-batch gradient descent at rate η drives the largest eigenvalue of the"
        " Hessian to 2/η and stays there, while the loss goes on falling.",
        paper=COHEN,
        where="Section 3",
        formula=r"\lambda_{\max}\!\left(\nabla^2 \mathcal{L}(\theta_t)\right) \to 2/\eta",
        setting="A feed-forward network of the lab, two layers of 32 GELU units without Add and"
        " Norm, on 200 digits, squared error, plain gradient descent; power iteration on"
        " Hessian-vector products.",
        quantities=(
            Quantity("edge", "λ η / 2 in the last quarter", 0.9, 1.1, strict=False, theory="1"),
            Quantity("start", "λ η / 2 at the start", high=0.95, strict=False, theory="below 1"),
            Quantity("still", "share by which the loss still falls there", low=0.05, strict=False,
                     theory="above 0"),
        ),
        axes=Axes("step", "largest eigenvalue of the Hessian"),
        function=f"{_MEASURE.replace('gradients', 'curvature')}:edge",
        seeds=(0, 1),
        seconds=6.0,
        source="the paper",
        caution="With squared error, as here; under cross-entropy the eigenvalue falls again late.",
    ),
)  # fmt: skip
