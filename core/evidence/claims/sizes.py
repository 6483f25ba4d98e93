"""How large the residual stream is at initialisation."""

from core.evidence.claim import Axes, Claim, Quantity, sentences
from core.evidence.papers import (
    BACHLECHNER,
    KIM,
    LI_MIX,
    LIU,
    OLMO,
    RADFORD,
    SUN_LNS,
    TOUVRON,
    WANG,
    XIONG,
    ZHANG_FIXUP,
)
from core.language import Message

_MEASURE = "core.evidence.measure.sizes"
_BY_LAYER = Axes("layer l", "‖xₗ‖² / d")
_LOG = Axes("layer l", "‖xₗ‖² / d", log_y=True)
_THEOREM = (
    "The theorem's own: W_Q = W_K = 0, so that attention is uniform, a d × d feed-forward, Xavier,"
    " Gaussian input, d = 256, 32 tokens, 24 layers; the mean over seeds."
)
_PLAIN = (
    "6, 12 and 24 layers, d = 64, 4 heads, ReLU of width 4d, Xavier, learned positions, 8 × 64"
    " random tokens."
)
_INDEPENDENT = "measured on an independent implementation"


def _sizes(
    values: tuple[float, float, float], factor: float, theory: str = ""
) -> tuple[Quantity, ...]:
    return tuple(
        Quantity(
            f"size-{n}",
            Message("‖x‖² / d after {n} layers", n=n),
            v / factor,
            v * factor,
            theory=theory,
        )
        for n, v in zip((6, 12, 24), values, strict=True)
    )


CLAIMS = (
    Claim(
        name="lemma-2-post",
        group="sizes",
        sentence="What post-LN normalises is of one size at every layer: x + F(x) has 3/2 of d.",
        paper=XIONG,
        where="Lemma 2",
        formula=r"\mathbb{E}\left\|x^{post,5}_{l,i}\right\|_2^2 = \tfrac{3}{2}\,d",
        setting=_THEOREM,
        quantities=(
            Quantity("lowest", "‖x‖² / d, lowest of the layers", 1.3, 1.7, theory="3/2"),
            Quantity("highest", "‖x‖² / d, highest of the layers", 1.3, 1.7, theory="3/2"),
        ),
        axes=Axes("layer l", "‖xₗ‖² / d before the second norm"),
        function=f"{_MEASURE}:lemma_2",
        arguments={"placement": "post"},
        source=_INDEPENDENT,
    ),
    Claim(
        name="lemma-2-pre",
        group="sizes",
        sentence="The stream of pre-LN grows linearly with depth.",
        paper=XIONG,
        where="Lemma 2",
        formula=r"\left(1+\tfrac{l}{2}\right)d \;\le\;"
        r" \mathbb{E}\left\|x^{pre}_{l,i}\right\|_2^2 \;\le\; \left(1+\tfrac{3l}{2}\right)d",
        setting=_THEOREM,
        quantities=(
            Quantity("lowest", "least ‖xₗ‖² / d over 1 + l/2", low=0.95, theory="above 1"),
            Quantity("highest", "largest ‖xₗ‖² / d over 1 + 3l/2", high=1.05, theory="below 1"),
        ),
        axes=_BY_LAYER,
        function=f"{_MEASURE}:lemma_2",
        arguments={"placement": "pre"},
        seconds=1.2,
        source=_INDEPENDENT,
    ),
    Claim(
        name="pre-stream",
        group="sizes",
        sentence="A whole pre-LN network adds about one to its stream for each layer.",
        paper=XIONG,
        where="Lemma 2, for a whole decoder",
        formula=r"\|x_L\|^2/d \approx 1 + L",
        setting=_PLAIN,
        quantities=_sizes((5, 11.5, 23.7), 1.25),
        axes=_BY_LAYER,
        function=f"{_MEASURE}:final_size",
        arguments={"wiring": "pre-LN", "law": "1 + L"},
        source=_INDEPENDENT,
    ),
    Claim(
        name="peri-stream",
        group="sizes",
        sentence="With a norm at both ends of each branch the stream grows by exactly one for each"
        " of the two sublayers, whatever the weights are.",
        paper=KIM,
        where="Peri-LN at initialisation",
        formula=r"x_{l+1} = x_l + \mathrm{LN}(F(\mathrm{LN}(x_l))),\quad \|x_L\|^2/d \approx 1+2L",
        setting=_PLAIN,
        quantities=_sizes((13, 25, 49), 1.1, "2L + 1"),
        axes=_BY_LAYER,
        function=f"{_MEASURE}:final_size",
        arguments={"wiring": "Peri-LN", "law": "1 + 2L"},
        source=_INDEPENDENT,
        caution="It holds at initialisation. In a trained Gemma 3 the stream grows 115-fold over 18"
        " layers, because the gains of the outer norms grow.",
    ),
    Claim(
        name="olmo2-stream",
        group="sizes",
        sentence="OLMo 2's reordered norm lets the stream grow by one for each sublayer too.",
        paper=OLMO,
        where="the reordered norm",
        formula=r"x_{l+1} = x_l + \mathrm{RMSNorm}(F(x_l)),\quad \|x_L\|^2/d \approx 1+2L",
        setting=sentences(_PLAIN, "RMSNorm, QK-norm over the width."),
        quantities=_sizes((13, 25, 49), 1.1, "2L + 1"),
        axes=_BY_LAYER,
        function=f"{_MEASURE}:final_size",
        arguments={"wiring": "OLMo 2", "law": "1 + 2L"},
        seconds=3.3,
        source=_INDEPENDENT,
    ),
    Claim(
        name="lns-stream",
        group="sizes",
        sentence="LayerNorm Scaling keeps the stream of pre-LN from growing with depth.",
        paper=SUN_LNS,
        where="LayerNorm Scaling",
        formula=r"x_{l+1} = x_l + F\!\left(\mathrm{LN}(x_l)/\sqrt{l}\right)",
        setting=_PLAIN,
        quantities=_sizes((2.4, 2.9, 3.4), 1.1),
        axes=_BY_LAYER,
        function=f"{_MEASURE}:final_size",
        arguments={"wiring": "LNS"},
        source=_INDEPENDENT,
        caution="nanochat (March 2026) found that the factor did not help training.",
    ),
    Claim(
        name="deepnorm-stream",
        group="sizes",
        sentence="DeepNorm hands on a stream of size one at every depth, as post-LN does.",
        paper=WANG,
        where="DeepNorm of a decoder",
        formula=r"x_{l+1} = \mathrm{LN}(\alpha x_l + F(x_l)),\quad \alpha = (2L)^{1/4}",
        setting=_PLAIN,
        quantities=_sizes((1, 1, 1), 1.001, "1"),
        axes=_BY_LAYER,
        function=f"{_MEASURE}:final_size",
        arguments={"wiring": "DeepNorm", "law": "1"},
        seconds=2.8,
        source=_INDEPENDENT,
    ),
    Claim(
        name="no-norm-explodes",
        group="sizes",
        sentence="Residual connections without a norm let the stream grow exponentially with"
        " depth.",
        paper=ZHANG_FIXUP,
        where="Section 2",
        formula=r"\mathrm{Var}[x_{l+1}] \approx c\,\mathrm{Var}[x_l],\quad c > 1",
        setting=sentences(_PLAIN, "Single seeds scatter by a factor of ten at 24 layers."),
        quantities=_sizes((191, 8e4, 1e10), 2.5),
        axes=_LOG,
        function=f"{_MEASURE}:final_size",
        arguments={"wiring": "no norm"},
        seconds=2.8,
        source=_INDEPENDENT,
    ),
    Claim(
        name="neither-vanishes",
        group="sizes",
        sentence="Without Add and without Norm the signal vanishes exponentially with depth.",
        paper=ZHANG_FIXUP,
        where="Section 2",
        formula=r"\|x_L\|^2/d \to 0",
        setting=_PLAIN,
        quantities=_sizes((7e-4, 1e-6, 9e-13), 3),
        axes=_LOG,
        function=f"{_MEASURE}:final_size",
        arguments={"wiring": "neither"},
        source=_INDEPENDENT,
    ),
    Claim(
        name="mix-ln-stream",
        group="sizes",
        sentence="Mix-LN is post-LN in its first quarter, of size one, and grows like pre-LN from"
        " there on.",
        paper=LI_MIX,
        where="Mix-LN with a quarter of post-LN",
        formula=r"x_{l+1} = \begin{cases}\mathrm{LN}(x_l+F(x_l)) & l \le L/4\\"
        r" x_l+F(\mathrm{LN}(x_l)) & l > L/4\end{cases}",
        setting=sentences(_PLAIN, "24 layers."),
        quantities=(
            Quantity("first", "largest |‖x‖²/d − 1| in the first quarter", high=0.001, theory="0"),
            Quantity("low", "final ‖x‖² / d over 1 + ½ · 18", low=1.0, theory="above 1"),
            Quantity("high", "final ‖x‖² / d over 1 + 3/2 · 18", high=1.0, theory="below 1"),
        ),
        axes=_BY_LAYER,
        function=f"{_MEASURE}:mix_ln",
        seconds=1.0,
        source=_INDEPENDENT,
    ),
    Claim(
        name="gpt2-scaling",
        group="sizes",
        sentence="GPT-2 starts the matrices that write into the stream smaller by the square root"
        " of their number, so that all layers together add the same at every depth.",
        paper=RADFORD,
        where="Section 2.3",
        formula=r"W_O, W_2 \sim \mathcal{N}\!\left(0, \tfrac{0.02}{\sqrt{2L}}\right)",
        setting=sentences(_PLAIN, "GPT-2 initialisation."),
        quantities=(
            Quantity("std", "standard deviation · √(2L) / 0.02", 0.99, 1.01, theory="1"),
            Quantity("growth", "what 24 layers add over what 6 add", 0.8, 1.25, theory="1"),
        ),
        axes=Axes("layers L", "‖x − x₀‖² after the last layer, over that of 6 layers"),
        function=f"{_MEASURE}:gpt2_scaling",
        seconds=5.0,
        source="its definition",
    ),
    Claim(
        name="rezero-identity",
        group="sizes",
        sentence="ReZero starts as the identity: no branch adds anything, no gradient enters one,"
        " only the α move.",
        paper=BACHLECHNER,
        where="the ReZero layer",
        formula=r"x_{l+1} = x_l + \alpha_l F(x_l),\quad \alpha_l = 0",
        setting=sentences(_PLAIN, "24 layers."),
        quantities=(
            Quantity("change", "largest change of the stream", 0.0, 0.0, theory="0"),
            Quantity("inside", "largest gradient inside a branch", 0.0, 0.0, theory="0"),
            Quantity("alpha", "largest gradient of an α", low=1e-6, theory="above 0"),
        ),
        axes=Axes("layer l", "‖xₗ‖² over that of the embedding"),
        function=f"{_MEASURE}:rezero",
        seconds=4.0,
        source="its definition",
    ),
    Claim(
        name="layerscale-identity",
        group="sizes",
        sentence="LayerScale starts deep networks close to the identity.",
        paper=TOUVRON,
        where="Equation 5",
        formula=r"x_{l+1} = x_l + \mathrm{diag}(\gamma)\,F(\mathrm{LN}(x_l)),"
        r"\quad \gamma = 10^{-5}\ (L > 18)",
        setting=sentences(_PLAIN, "Also 1 to 19 layers; γ = 0.1 up to 18."),
        quantities=(
            Quantity("deep", "‖x − x₀‖ / ‖x₀‖ after 24 layers", high=1e-3, theory="→ 0"),
            Quantity("shallow", "the same after 18 layers", high=1.0, theory="below 1"),
        ),
        axes=Axes("layers L", "‖x − x₀‖ / ‖x₀‖ after the last layer", log_y=True),
        function=f"{_MEASURE}:layerscale",
        seconds=3.8,
        source="its definition",
    ),
    Claim(
        name="admin-omega",
        group="sizes",
        sentence="Admin weighs each skip by what the branches before it add, measured once.",
        paper=LIU,
        where="Section 4.2",
        formula=r"x_{i+1} = \mathrm{LN}(\omega_i \odot x_i + F_i(x_i)),\quad"
        r" \omega_{i+1}^2 = \mathrm{Var}[\omega_i x_i] + \mathrm{Var}[F_i(x_i)]",
        setting="7 layers, d = 64, one profiling pass over 8 × 64 random tokens, as in the authors'"
        " code: each ω is set before the pass goes on.",
        quantities=(
            Quantity("xavier", "last ω, Xavier", 2.387 / 1.1, 2.387 * 1.1),
            Quantity("torch", "last ω, torch's initialisation", 1.21 / 1.1, 1.21 * 1.1),
            Quantity("gpt2", "last ω, GPT-2's initialisation", 0.01, 0.3),
        ),
        axes=Axes("sublayer i", "ωᵢ"),
        function=f"{_MEASURE}:admin",
        seconds=1.0,
        source="measured on an independent implementation of another width, on which the last one"
        " depends",
    ),
)
