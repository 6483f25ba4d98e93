"""Tokens that become alike with depth."""

from core.evidence.claim import Axes, Claim, Paper, Quantity, sentences
from core.evidence.papers import DONG, KIM, NOCI, SUN_LNS, WANG, XIONG
from core.language import Message

_MEASURE = "core.evidence.measure.collapse"
_SETTING = (
    "d = 128, 4 heads, 4 × 64 letters of real text, Xavier, at initialisation, no causal mask;"
    " float64, Frobenius norms (the authors' code uses the 1,∞ norm)."
)
_CAUSAL = _SETTING.replace("no causal mask", "a causal mask")
_FORMULA = (
    r"\frac{\|\mathrm{res}(X_l)\|}{\|X_l\|},\quad \mathrm{res}(X) = X - \mathbf{1}\bar{x}^{\!\top}"
)
_AXES = Axes("layer l", "‖res(X)‖ / ‖X‖", log_y=True)
_INDEPENDENT = "measured on an independent implementation"
_EIGHT = tuple(range(8))


def _near(layer: int, value: float, share: float) -> Quantity:
    words = Message("‖res‖/‖X‖ after layer {n}", n=layer)
    return Quantity(f"r-{layer}", words, value * (1 - share), value * (1 + share))


def _similar(
    name: str, sentence: str, wiring: str, paper: Paper, where: str, cosine: float, rank: float,
    formula: str, within: float = 0.05, caution: str = "",
) -> Claim:  # fmt: skip
    return Claim(
        name=name,
        group="collapse",
        sentence=sentence,
        paper=paper,
        where=where,
        formula=formula,
        setting="24 layers, d = 128, 4 heads, Xavier, causal, 4 × 64 random tokens of 65; effective"
        " rank exp(H(σ/Σσ)), of 55 at the embedding.",
        quantities=(
            Quantity("cosine", "mean cosine of two tokens", cosine - within, cosine + within),
            Quantity("rank", "effective rank of 64 tokens", rank / 1.1, rank * 1.1),
        ),
        axes=Axes("layer l", "mean cosine of two tokens"),
        function=f"{_MEASURE}:similarity",
        arguments={"wiring": wiring},
        source=_INDEPENDENT,
        caution=caution,
    )


CLAIMS = (
    Claim(
        name="rank-collapse",
        group="collapse",
        sentence="Attention alone makes all tokens alike doubly exponentially with depth.",
        paper=DONG,
        where="Theorem 2.2",
        formula=r"\|\mathrm{res}(X_L)\| \le \left(\tfrac{4\beta}{\sqrt{d}}\right)^{\frac{3^L-1}{2}}"
        r" \|\mathrm{res}(X_0)\|^{3^L}",
        setting=_SETTING,
        quantities=(
            _near(1, 0.64, 0.2),
            Quantity("r-2", Message("‖res‖/‖X‖ after layer {n}", n=2), high=0.05),
            Quantity("r-3", Message("‖res‖/‖X‖ after layer {n}", n=3), high=1e-4),
            Quantity("power", "log r₃ / log r₂", 2.5, 6.0, theory="3"),
        ),
        axes=_AXES,
        function=f"{_MEASURE}:rank",
        arguments={"networks": ("attention alone", "attention + skip", "causal attention alone"),
                   "layers": 6},
        source=_INDEPENDENT,
        caution="A statement about attention without a causal mask. With one it decays singly"
        " exponentially.",
    ),
    Claim(
        name="rank-collapse-mlp",
        group="collapse",
        sentence="Feed-forward networks between the attention layers do not stop the collapse.",
        paper=DONG,
        where="Corollary 3.2",
        formula=_FORMULA,
        setting=_SETTING,
        quantities=(
            _near(1, 0.57, 0.2),
            Quantity("r-2", Message("‖res‖/‖X‖ after layer {n}", n=2), high=0.05),
            Quantity("r-3", Message("‖res‖/‖X‖ after layer {n}", n=3), high=1e-4),
        ),
        axes=_AXES,
        function=f"{_MEASURE}:rank",
        arguments={"networks": ("attention + MLP",), "layers": 6},
        seconds=0.6,
        source=_INDEPENDENT,
    ),
    Claim(
        name="rank-collapse-norm",
        group="collapse",
        sentence="A norm without a skip does not stop the collapse.",
        paper=DONG,
        where="Section 3.3",
        formula=_FORMULA,
        setting=sentences(_SETTING, "LN(F(x)), attention alone."),
        quantities=(
            _near(1, 0.64, 0.2),
            Quantity("r-2", Message("‖res‖/‖X‖ after layer {n}", n=2), high=0.3),
            Quantity("r-3", Message("‖res‖/‖X‖ after layer {n}", n=3), high=0.01),
            Quantity("r-6", Message("‖res‖/‖X‖ after layer {n}", n=6), high=1e-6),
        ),
        axes=_AXES,
        function=f"{_MEASURE}:rank",
        arguments={"networks": ("LN(attention), no skip",), "layers": 6},
        seconds=0.5,
        source=_INDEPENDENT,
    ),
    Claim(
        name="skips-keep-rank",
        group="collapse",
        sentence="Skip connections keep the tokens of pure attention apart.",
        paper=DONG,
        where="Section 3.1",
        formula=_FORMULA,
        setting=sentences(_SETTING, "No norm."),
        quantities=(_near(1, 0.96, 0.15), _near(2, 0.92, 0.15), _near(3, 0.86, 0.15),
                    _near(6, 0.52, 0.15)),
        axes=_AXES,
        function=f"{_MEASURE}:rank",
        arguments={"networks": ("attention + skip",), "layers": 6},
        seeds=_EIGHT,
        seconds=0.8,
        source=_INDEPENDENT,
    ),
    Claim(
        name="skips-keep-rank-mlp",
        group="collapse",
        sentence="Skip connections keep tokens apart with feed-forward networks between too.",
        paper=DONG,
        where="Section 3.1",
        formula=_FORMULA,
        setting=sentences(_SETTING, "No norm."),
        quantities=(_near(1, 0.92, 0.15), _near(2, 0.84, 0.15), _near(3, 0.74, 0.15),
                    _near(6, 0.46, 0.15)),
        axes=_AXES,
        function=f"{_MEASURE}:rank",
        arguments={"networks": ("attention + skip + MLP",), "layers": 6},
        seeds=_EIGHT,
        source=_INDEPENDENT,
    ),
    Claim(
        name="causal-collapse",
        group="collapse",
        sentence="Under a causal mask pure attention loses its rank singly exponentially.",
        paper=DONG,
        where="Section 3, with a mask",
        formula=r"r_{l+1} / r_l \approx c < 1",
        setting=sentences(_CAUSAL, "12 layers."),
        quantities=(
            _near(1, 0.78, 0.2), _near(2, 0.52, 0.2), _near(3, 0.39, 0.2), _near(6, 0.13, 0.2),
            Quantity("fastest", "least rₗ₊₁ / rₗ beyond layer 2", 0.5, 0.85),
            Quantity("slowest", "largest rₗ₊₁ / rₗ beyond layer 2", 0.5, 0.85),
        ),
        axes=_AXES,
        function=f"{_MEASURE}:rank",
        arguments={"networks": ("causal attention alone",)},
        seeds=_EIGHT,
        source=_INDEPENDENT,
    ),
    _similar(
        "similarity-pre", "Tokens of a deep pre-LN network are similar at initialisation, not"
        " equal.", "pre-LN", NOCI, "rank collapse at initialisation", 0.80, 32,
        r"x + F(\mathrm{LN}(x))",
    ),
    _similar(
        "similarity-post", "Tokens of a deep post-LN network are all alike at initialisation.",
        "post-LN", NOCI, "rank collapse at initialisation", 1.00, 1.2,
        r"\mathrm{LN}(x + F(x))", 0.01,
        "Under Xavier's initialisation. With GPT-2's they are not, and post-LN trains.",
    ),
    _similar(
        "similarity-none", "Without residual connections all tokens become one vector.",
        "no residual", DONG, "Section 3.1", 1.00, 1.0, r"\mathrm{LN}(F(x))", 0.01,
    ),
    _similar(
        "similarity-lns", "LNS keeps tokens further apart than pre-LN.", "LNS", SUN_LNS,
        "LayerNorm Scaling", 0.44, 47, r"x + F(\mathrm{LN}(x)/\sqrt{l})",
    ),
    _similar(
        "similarity-peri", "Peri-LN's tokens are about as similar as pre-LN's.", "Peri-LN", KIM,
        "Peri-LN at initialisation", 0.81, 31, r"x + \mathrm{LN}(F(\mathrm{LN}(x)))",
    ),
    _similar(
        "similarity-deepnorm", "DeepNorm, a post-LN, keeps its tokens apart: its small"
        " initialisation does.", "DeepNorm", WANG, "DeepNorm of a decoder", 0.03, 55,
        r"\mathrm{LN}(\alpha x + F(x)),\quad \beta = (8L)^{-1/4}",
    ),
    Claim(
        name="small-scores",
        group="collapse",
        sentence="Under GPT-2's initialisation starved queries are a matter of small scores, not of"
        " tokens that are alike.",
        paper=XIONG,
        where="measured here; not a claim of the paper",
        formula=r"\cos(x_i, x_j)\ \text{after 6 layers}",
        setting="6 layers, d = 64, GPT-2 initialisation, 8 × 64 random tokens.",
        quantities=(
            Quantity("gpt2", "mean cosine, pre-LN", 0.4, 0.65),
            Quantity("dyt", "mean cosine, DyT", -0.05, 0.1),
            Quantity("bare", "mean cosine, no norm", -0.05, 0.1),
        ),
        axes=Axes("layer l", "mean cosine of two tokens"),
        function=f"{_MEASURE}:scores_or_collapse",
        seconds=1.2,
        source=_INDEPENDENT,
    ),
)  # fmt: skip
