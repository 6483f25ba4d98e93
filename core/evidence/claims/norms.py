"""What a norm does to what passes it, forward and backward."""

from core.evidence.claim import Axes, Claim, Quantity
from core.evidence.papers import XIONG, ZHANG_RMS, ZHU

_MEASURE = "core.evidence.measure.norms"

CLAIMS = (
    Claim(
        name="layernorm-jacobian",
        group="norms",
        sentence="The gradient that passes a LayerNorm shrinks with the size of its input, and"
        " nothing of it moves the input's mean or length.",
        paper=XIONG,
        where="Lemma 3",
        formula=r"\left\|J_{LN}(x)\right\|_2 = O\!\left(\frac{\sqrt{d}}{\|x\|_2}\right)",
        setting="A norm of the lab in float64, d = 64, Gaussian x of zero mean, its standard"
        " deviation from 0.1 to 100; singular values of the Jacobian that autograd finds.",
        quantities=(
            Quantity("norm", "‖J‖₂ ‖x‖ / √d", 0.98, 1.02, theory="1"),
            Quantity("first", "smallest singular value over the largest", high=1e-4, theory="0"),
            Quantity("second", "second smallest over the largest", high=1e-4, theory="0"),
            Quantity("rest", "third smallest over the largest", 0.1, 1.0, theory="1"),
        ),
        axes=Axes("standard deviation of x", "‖J‖₂", log_x=True, log_y=True),
        function=f"{_MEASURE}:jacobian",
        arguments={"norm": "layer"},
        seconds=0.5,
        source="measured on an independent implementation",
    ),
    Claim(
        name="rmsnorm-jacobian",
        group="norms",
        sentence="RMSNorm shrinks gradients as LayerNorm does, but forgets the length of its input"
        " alone: its mean passes.",
        paper=ZHANG_RMS,
        where="Section 4",
        formula=r"\bar{a}_i = \frac{a_i}{\mathrm{RMS}(a)}\,g_i,\quad"
        r"\mathrm{RMS}(a) = \sqrt{\tfrac{1}{n}\textstyle\sum_i a_i^2}",
        setting="As for LayerNorm.",
        quantities=(
            Quantity("norm", "‖J‖₂ ‖x‖ / √d", 0.98, 1.02, theory="1"),
            Quantity("first", "smallest singular value over the largest", high=1e-4, theory="0"),
            Quantity("second", "second smallest over the largest", 0.1, 1.0, theory="1"),
        ),
        axes=Axes("standard deviation of x", "‖J‖₂", log_x=True, log_y=True),
        function=f"{_MEASURE}:jacobian",
        arguments={"norm": "rms"},
        seconds=0.5,
        source="measured on an independent implementation",
    ),
    Claim(
        name="dyt-jacobian",
        group="norms",
        sentence="Dynamic Tanh keeps no statistics: at small inputs its Jacobian is α, however"
        " small they are.",
        paper=ZHU,
        where="Section 4",
        formula=r"\mathrm{DyT}(x) = \gamma \odot \tanh(\alpha x) + \beta,\quad \alpha_0 = \tfrac12",
        setting="DyT at birth in float64, d = 64, Gaussian x of standard deviation 0.001 to 10.",
        quantities=(
            Quantity("small", "‖J‖₂ at 0.001", 0.4995, 0.5005, theory="α = ½"),
            Quantity("same", "‖J‖₂ at 0.01 over that at 0.001", 0.99, 1.01, theory="1"),
        ),
        axes=Axes("standard deviation of x", "‖J‖₂", log_x=True, log_y=True),
        function=f"{_MEASURE}:dyt",
        seconds=0.3,
        source="its definition",
        caution="That DyT can replace a norm did not repeat everywhere: nanochat found it worse at"
        " 12 layers (May 2026), and 2604.23434 finds that it helps with 1 million tokens and hurts"
        " with 118 million.",
    ),
    Claim(
        name="final-norm",
        group="norms",
        sentence="Pre-LN has one more norm before the head, and post-LN has not: what leaves"
        " post-LN's last block is read as it is.",
        paper=XIONG,
        where="Section 3 and figure 1",
        formula=r"\text{pre: } \mathrm{logits} = W\,\mathrm{LN}(x_L),\qquad"
        r"\text{post: } \mathrm{logits} = W\,x_L",
        setting="6 layers, d = 64, random tokens; what leaves the last block is multiplied by 2.",
        quantities=(
            Quantity("post", "‖logits‖ of post-LN over those without", 1.999, 2.001, theory="2"),
            Quantity("pre", "the same of pre-LN", 0.999, 1.001, theory="1"),
        ),
        axes=Axes("factor of what leaves the last block", "‖logits‖ over those at factor 1"),
        function=f"{_MEASURE}:final_norm",
        seconds=1.2,
        source="its definition",
    ),
)
