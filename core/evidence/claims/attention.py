"""Attention at initialisation, and its identities."""

from core.evidence.claim import Axes, Claim, Quantity
from core.evidence.papers import DEHGHANI, VASWANI, ZHOU

_MEASURE = "core.evidence.measure.attention"

CLAIMS = (
    Claim(
        name="score-scale",
        group="attention",
        sentence="Dividing q·k by the square root of the head's size keeps the scores of one size,"
        " however wide the head is.",
        paper=VASWANI,
        where="Section 3.2.1, footnote 4",
        formula=r"\mathrm{Var}[q \cdot k] = d_k,\qquad"
        r" \mathrm{Attn} = \mathrm{softmax}\!\left(QK^\top/\sqrt{d_k}\right)V",
        setting="One head of 4 to 256 features behind a LayerNorm, Xavier, so that q and k have"
        " unit variance; 16 × 64 random tokens.",
        quantities=(
            Quantity("std", "standard deviation of the scores, 64 features", 0.9, 1.15, theory="1"),
            Quantity("slope", "slope of its logarithm against that of the size", -0.15, 0.15,
                     theory="0"),
        ),
        axes=Axes("features of the head", "standard deviation of the scores", log_x=True,
                  log_y=True),
        function=f"{_MEASURE}:score_scale",
        seconds=0.5,
        source="the paper's footnote; the widths of the bands are ours",
    ),
    Claim(
        name="uniform-entropy",
        group="attention",
        sentence="Attention that has learned nothing spreads evenly over what came before: over 64"
        " tokens its entropy is 3.206 nats on average.",
        paper=VASWANI,
        where="Equation 1 with Q = K = 0",
        formula=r"-\sum_j A_{tj}\log A_{tj} = \log t,\quad"
        r" \tfrac{1}{64}\textstyle\sum_{t=1}^{64} \log t = 3.206",
        setting="One layer with W_Q = W_K = 0, 64 tokens, causal; the same with GPT-2's"
        " initialisation, whose scores are small, and with Xavier's.",
        quantities=(
            Quantity("entropy", "entropy, W_Q = W_K = 0, nats", 3.2055, 3.2065, theory="3.206"),
            Quantity("gpt2", "entropy, GPT-2's initialisation, nats", 3.15, 3.21),
            Quantity("xavier", "entropy, Xavier's, nats", 2.4, 3.1),
        ),
        axes=Axes("token t", "entropy of its attention, nats"),
        function=f"{_MEASURE}:uniform_entropy",
        seconds=0.4,
        source="its definition",
    ),
    Claim(
        name="qk-norm",
        group="attention",
        sentence="With QK-norm scores can't grow with the weights, and attention keeps its entropy;"
        " without it larger weights make attention look at one token alone.",
        paper=DEHGHANI,
        where="QK normalization",
        formula=r"|\hat{q}\cdot\hat{k}|/\sqrt{d} \le \sqrt{d},\quad"
        r" \hat{q} = \mathrm{LN}(q),\ \hat{k} = \mathrm{LN}(k)",
        setting="One layer, d = 64, 4 heads, Xavier; W_Q and W_K multiplied by 1 to 32. QK-norm is"
        " LayerNorm of each head.",
        quantities=(
            Quantity("bound", "largest score with QK-norm over √d", 0.0, 1.001, theory="at most 1"),
            Quantity("kept", "entropy with QK-norm, × 16 minus × 1", -0.01, 0.01, theory="0"),
            Quantity("fell", "the same without QK-norm", high=-1.0, theory="to 0 nats"),
        ),
        axes=Axes("factor of the query and key matrices", "entropy of attention, nats", log_x=True),
        function=f"{_MEASURE}:qk_norm",
        seconds=0.6,
        source="its definition",
    ),
    Claim(
        name="one-token",
        group="attention",
        sentence="With one token causal attention is a product of two matrices.",
        paper=VASWANI,
        where="Equation 1 with one token",
        formula=r"\mathrm{Attn}(x) = W_O W_V\,x",
        setting="One layer in float64, d = 64, 4 heads.",
        quantities=(Quantity("error", "largest error over the largest output", 0.0, 1e-12,
                             theory="0"),),
        axes=Axes("product of the two matrices", "attention of one token"),
        function=f"{_MEASURE}:one_token",
        seconds=0.2,
        source="its definition",
    ),
    Claim(
        name="value-residual",
        group="attention",
        sentence="Value residual gives every layer half of the first layer's values.",
        paper=ZHOU,
        where="value residual",
        formula=r"V_l \leftarrow \tfrac12 V_l + \tfrac12 V_1",
        setting="6 layers, d = 64, Xavier, 8 × 64 random tokens.",
        quantities=(
            Quantity("error", "largest |Vₗ − ½ own − ½ V₁|", 0.0, 1e-5, theory="0"),
            Quantity("share", "cosine of the last V with V₁", 0.6, 0.8, theory="1/√2"),
            Quantity("plain", "the same without value residual", -0.2, 0.2, theory="0"),
        ),
        axes=Axes("layer l", "cosine of Vₗ with V₁"),
        function=f"{_MEASURE}:value_residual",
        seconds=0.5,
        source="its definition",
    ),
)  # fmt: skip
