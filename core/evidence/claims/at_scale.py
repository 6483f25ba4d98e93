"""What large networks show, and what others could not repeat."""

from core.evidence.claim import Axes, Claim, Quantity, sentences
from core.evidence.claims.training import LOSS, SETTING
from core.evidence.papers import SHAZEER, SUN_LNS, SUN_MASSIVE, XIAO, ZHOU, ZHU

_MEASURE = "core.evidence.measure.at_scale"
_TWO = (0, 1)

CLAIMS = (
    Claim(
        name="massive-activations",
        group="training",
        sentence="A few activations of a trained network are a thousand times larger than the"
        " median.",
        paper=SUN_MASSIVE,
        where="Section 2",
        formula=r"|a| > 100\ \text{and}\ |a| \ge 1000 \cdot \mathrm{median}|a|",
        setting=sentences("Pre-LN, 8 layers, 500 steps, held-out text.", SETTING),
        quantities=(
            Quantity("largest", "largest |a| of the stream", low=100, strict=False),
            Quantity("median", "largest |a| over the median", low=1000, strict=False),
        ),
        axes=Axes("layer", "largest |a| over the median", log_y=True),
        function=f"{_MEASURE}:at_scale",
        arguments={"which": "massive"},
        seeds=(0,),
        quick=False,
        seconds=40.0,
        source="the paper's definition",
        caution="It takes scale: SmolLM2-135M shows 25,364 at one place against a median of 1.7.",
    ),
    Claim(
        name="attention-sinks",
        group="training",
        sentence="Heads of trained networks put most of their attention on the first token.",
        paper=XIAO,
        where="Section 3.1",
        formula=r"\tfrac{1}{|t|}\textstyle\sum_{t > 32} A_{t,0}",
        setting=sentences(
            "Pre-LN, 8 layers, 500 steps, held-out text; a head's mean attention to token 0"
            " over the later half.",
            SETTING,
        ),
        quantities=(
            Quantity("sink", "largest mean attention to token 0 of a head", low=0.5, strict=False),
        ),
        axes=Axes("layer", "largest mean attention to token 0 of a head"),
        function=f"{_MEASURE}:at_scale",
        arguments={"which": "sinks"},
        seeds=(0,),
        quick=False,
        seconds=40.0,
        source="the paper's figure 2",
        caution="It takes scale: in SmolLM2-135M 54 to 74 % of the attention of layers 14 to 26"
        " goes to token 0.",
    ),
    Claim(
        name="pre-variance",
        group="training",
        sentence="The variance of pre-LN's stream grows exponentially with depth after training.",
        paper=SUN_LNS,
        where="the growth of pre-LN's variance",
        formula=r"\sigma^2_{x_l} = \sigma^2_{x_1}\,\Theta\!\left(e^{l}\right)",
        setting=sentences(
            "Pre-LN, 8 layers, 500 steps, held-out text; growth of log variance in the last"
            " four layers over that in the first four: 1 where it is exponential.",
            SETTING,
        ),
        quantities=(
            Quantity(
                "constant",
                "late growth over early growth of log variance",
                0.8,
                10.0,
                strict=False,
                theory="1",
            ),
        ),
        axes=Axes("layer", "variance of the stream", log_y=True),
        function=f"{_MEASURE}:at_scale",
        arguments={"which": "variance"},
        seeds=(0,),
        quick=False,
        seconds=40.0,
        source="the paper's upper bound; the width of the band is ours",
        caution="The paper's bounds reach from linear to exponential.",
    ),
    Claim(
        name="lns-ahead",
        group="training",
        sentence="LNS trains to a lower loss than pre-LN.",
        paper=SUN_LNS,
        where="its comparison of losses",
        formula=r"\mathcal{L}_{pre} - \mathcal{L}_{LNS} > 0",
        setting=sentences("8 layers, 500 steps.", SETTING),
        quantities=(
            Quantity(
                "ahead",
                "loss of pre-LN minus that of LNS, nats",
                low=0.02,
                strict=False,
                theory="above 0",
            ),
        ),
        axes=LOSS,
        function=f"{_MEASURE}:at_scale",
        arguments={"which": "lns"},
        seeds=_TWO,
        quick=False,
        seconds=60.0,
        source="the paper; less than 0.02 nats is within the spread of seeds",
        caution="nanochat (March 2026): did not help.",
    ),
    Claim(
        name="dyt-instead-of-norm",
        group="training",
        sentence="A network with Dynamic Tanh instead of its norms trains as well.",
        paper=ZHU,
        where="Section 5",
        formula=r"\mathcal{L}_{LN} - \mathcal{L}_{DyT} \approx 0",
        setting=sentences("Pre-LN, 6 layers, 400 steps.", SETTING),
        quantities=(
            Quantity(
                "gained",
                "loss with LayerNorm minus that with DyT, nats",
                low=-0.05,
                strict=False,
                theory="0",
            ),
        ),
        axes=LOSS,
        function=f"{_MEASURE}:beside",
        arguments={"change": "dyt"},
        seeds=_TWO,
        quick=False,
        seconds=70.0,
        source="the paper",
        caution="nanochat (May 2026): worse at 12 layers and slower. 2604.23434: it depends on how"
        " much data there is for each parameter.",
    ),
    Claim(
        name="value-residual-helps",
        group="training",
        sentence="Value residual lowers the loss.",
        paper=ZHOU,
        where="its comparison of losses",
        formula=r"\mathcal{L}_{plain} - \mathcal{L}_{V_1} > 0",
        setting=sentences("Pre-LN, 6 layers, 400 steps.", SETTING),
        quantities=(
            Quantity(
                "gained",
                "loss without minus that with it, nats",
                low=0.02,
                strict=False,
                theory="above 0",
            ),
        ),
        axes=LOSS,
        function=f"{_MEASURE}:beside",
        arguments={"change": "value"},
        seeds=_TWO,
        quick=False,
        seconds=40.0,
        source="the paper; less than 0.02 nats is within the spread of seeds",
        caution="Repeated elsewhere at larger scale: nanochat and the nanoGPT speedruns use value"
        " residuals or value embeddings.",
    ),
    Claim(
        name="swiglu-helps",
        group="training",
        sentence="A gated feed-forward network of as many weights lowers the loss.",
        paper=SHAZEER,
        where="Table 1",
        formula=r"\mathrm{FFN}(x) = (\mathrm{SiLU}(xW_g) \otimes xW_{in})\,W_{out}",
        setting=sentences(
            "Pre-LN, 6 layers, 400 steps; SwiGLU of width 171 against ReLU of width 256.", SETTING
        ),
        quantities=(
            Quantity(
                "gained",
                "loss with ReLU minus that with SwiGLU, nats",
                low=0.02,
                strict=False,
                theory="above 0",
            ),
        ),
        axes=LOSS,
        function=f"{_MEASURE}:beside",
        arguments={"change": "swiglu"},
        seeds=_TWO,
        quick=False,
        seconds=40.0,
        source="the paper; less than 0.02 nats is within the spread of seeds",
        caution="nanochat (February 2026): negative.",
    ),
)
