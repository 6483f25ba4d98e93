"""What becomes of networks when they are trained."""

from core.evidence.claim import Axes, Claim, Quantity, sentences
from core.evidence.papers import KARPATHY, OLSSON, RADFORD, WANG, XIONG
from core.language import Message

_MEASURE = "core.evidence.measure.training"
SETTING = (
    "tiny-shakespeare, d = 64, 4 heads, ReLU, Xavier, AdamW (0.9, 0.95), rate 0.001, batch 16,"
    " context 64, no clipping; the mean of the last 50 steps."
)
_INDEPENDENT = "measured on an independent implementation"
LOSS = Axes("step", "training loss, nats per character")
_DEAD = Message("gap to the unigram loss of the same batches, nats")
_TWO = (0, 1)

CLAIMS = (
    Claim(
        name="anchors",
        group="training",
        sentence="A network that ignores its input can't be better than 3.31 nats on"
        " tiny-shakespeare, one that sees a single letter not better than 2.45.",
        paper=KARPATHY,
        where="the corpus, 1,115,394 characters, 65 symbols",
        formula=r"H_1 = -\sum_a p_a \log p_a,\quad H_2 = -\sum_{ab} p_{ab}\log p_{b|a}",
        setting="Frequencies of the first 90 % of the text; add-one smoothing on the rest.",
        quantities=(
            Quantity("unigram", "unigram entropy, training part", 3.3085, 3.3095),
            Quantity("validation", "unigram loss, validation part", 3.3465, 3.3475),
            Quantity("bigram", "bigram loss, training part", 2.447, 2.457),
            Quantity("bigram-validation", "bigram loss, validation part", 2.477, 2.487),
        ),
        axes=Axes("uniform, unigram, its validation, bigram, its validation", "nats per character"),
        function=f"{_MEASURE}:anchors",
        seeds=(0,),
        quick=False,
        seconds=1.0,
        source=_INDEPENDENT,
    ),
    Claim(
        name="warm-up",
        group="training",
        sentence="Post-LN needs a warm-up of the learning rate, pre-LN does not.",
        paper=XIONG,
        where="Sections 3 and 4",
        formula=r"\eta_t = \tfrac{t}{T_{warmup}}\,\eta_{max},\quad t \le T_{warmup}",
        setting=sentences(
            "12 layers, 400 steps, without warm-up and with 200 steps of it.", SETTING
        ),
        quantities=(
            Quantity("dead", Message("post-LN without, {gap}", gap=_DEAD), 0.0, 0.1),
            Quantity("saved", "post-LN with 200 steps, loss", high=2.8),
            Quantity("pre", "pre-LN without, loss", high=2.5),
        ),
        axes=LOSS,
        function=f"{_MEASURE}:warm_up",
        seeds=_TWO,
        quick=False,
        seconds=180.0,
        source=_INDEPENDENT,
        caution="Depth, rate and corpus belong to the claim: on Python's reference at this rate the"
        " same warm-up does not save 12 layers, at half the rate it does.",
    ),
    Claim(
        name="plateau",
        group="training",
        sentence="A dead network knows how often each letter occurs and nothing more.",
        paper=XIONG,
        where="Section 4, “fails to train”",
        formula=r"\left|\mathbb{E}\left[\mathcal{L} - \mathcal{L}_{unigram}\right]\right| < 0.03",
        setting=sentences(
            "12 layers, no warm-up, the last 100 of 400 steps; loss minus the loss of that very"
            " batch under the letters' frequencies.",
            SETTING,
        ),
        quantities=(
            Quantity("gap", "post-LN, |gap|, nats", 0.0, 0.03, theory="0"),
            Quantity("alive", "pre-LN, |gap|, nats", low=0.5),
        ),
        axes=Axes("step", "loss minus unigram loss of the batch, nats"),
        function=f"{_MEASURE}:plateau",
        seeds=_TWO,
        quick=False,
        seconds=120.0,
        source=_INDEPENDENT,
    ),
    Claim(
        name="depth-threshold",
        group="training",
        sentence="Without warm-up post-LN trains up to a depth, and dies beyond it.",
        paper=XIONG,
        where="Section 3",
        formula=r"L = 2, 4, 8 \text{ train},\quad L = 12 \text{ does not}",
        setting=sentences("Post-LN, no warm-up, 300 steps.", SETTING),
        quantities=(
            *(
                Quantity(f"loss-{n}", Message("loss, {n} layers", n=n), 2.2, 2.75)
                for n in (2, 4, 8)
            ),
            Quantity("dead", Message("12 layers, {gap}", gap=_DEAD), 0.0, 0.1),
        ),
        axes=LOSS,
        function=f"{_MEASURE}:depth_threshold",
        seeds=_TWO,
        quick=False,
        seconds=90.0,
        source=Message("{source} ({found})", source=Message(_INDEPENDENT), found="2.4–2.6"),
    ),
    Claim(
        name="initialisation-decides",
        group="training",
        sentence="Initialisation decides whether post-LN dies: with GPT-2's or torch's the same 12"
        " layers train without warm-up.",
        paper=RADFORD,
        where="Section 2.3, for a post-LN",
        formula=r"W \sim \mathcal{N}(0, 0.02)\ \text{or}\ U(\pm 1/\sqrt{d})",
        setting=sentences("Post-LN, 12 layers, no warm-up, 400 steps.", SETTING),
        quantities=(
            Quantity("gpt2", "loss, GPT-2's initialisation", high=2.6),
            Quantity("torch", "loss, torch's initialisation", high=2.6),
            Quantity("xavier", Message("Xavier's, {gap}", gap=_DEAD), 0.0, 0.1),
        ),
        axes=LOSS,
        function=f"{_MEASURE}:initialisation",
        seeds=_TWO,
        quick=False,
        seconds=120.0,
        source=_INDEPENDENT,
    ),
    Claim(
        name="trainability",
        group="training",
        sentence="At 12 layers without warm-up DeepNorm, pre-LN, Peri-LN, LayerScale, ReZero and"
        " OLMo 2 train; post-LN and whatever has no residual connection do not.",
        paper=WANG,
        where="with Bachlechner et al. 2020, Touvron et al. 2021, Kim et al. 2025, OLMo 2",
        formula=r"y = post(skip(x) + scale \cdot inner(F(pre(x))))",
        setting=sentences("12 layers, no warm-up, 400 steps.", SETTING),
        quantities=(
            *(
                Quantity(name, Message("loss, {network}", network=Message(name)), 2.15, 2.6)
                for name in ("DeepNorm", "pre-LN", "Peri-LN", "LayerScale", "ReZero", "OLMo 2")
            ),
            Quantity("post-LN", Message("post-LN, {gap}", gap=_DEAD), 0.0, 0.1),
            Quantity("no residual", Message("no residual, {gap}", gap=_DEAD), 0.0, 0.1),
            Quantity("no norm", "share of seeds in which no norm diverges", 1.0, 1.0),
        ),
        axes=LOSS,
        function=f"{_MEASURE}:trainability",
        seeds=(0,),
        quick=False,
        seconds=240.0,
        source=Message("{source} ({found})", source=Message(_INDEPENDENT), found="2.3–2.5"),
        caution="One seed, one rate, nothing tuned: it says who trains, never who is best.",
    ),
    Claim(
        name="profile-after-training",
        group="training",
        sentence="After training pre-LN's gradients are still weaker in later layers, post-LN's"
        " stronger.",
        paper=XIONG,
        where="Figure 3",
        formula=r"\|\partial W^{2}_{L}\| \,/\, \|\partial W^{2}_{1}\|",
        setting=sentences("8 layers, 500 steps, no warm-up.", SETTING),
        quantities=(
            Quantity("pre", "last over first, pre-LN", high=0.6, average="geometric"),
            Quantity("post", "last over first, post-LN", low=1.2, average="geometric"),
        ),
        axes=Axes("layer", "‖∂L/∂W₂‖", log_y=True),
        function=f"{_MEASURE}:profile_after",
        seeds=_TWO,
        quick=False,
        seconds=110.0,
        source=_INDEPENDENT,
    ),
    Claim(
        name="nanogpt",
        group="training",
        sentence="At nanoGPT's setting for a processor the lab reaches nanoGPT's loss.",
        paper=KARPATHY,
        where="README, “I only have a macbook”",
        formula=r"\mathcal{L}_{val} \approx 1.88",
        setting="4 layers, 4 heads, d = 128, context 64, batch 12, 2,000 steps of tiny-shakespeare,"
        " cosine, no dropout.",
        quantities=(Quantity("validation", "validation loss", 1.8, 1.98, theory="1.88"),),
        axes=Axes("step", "validation loss, nats per character"),
        function=f"{_MEASURE}:nanogpt",
        seeds=(0,),
        quick=False,
        seconds=120.0,
        source="nanoGPT's README",
    ),
    Claim(
        name="induction-depth",
        group="training",
        sentence="Induction heads need two layers: one layer of attention can't look up what"
        " followed the same token before.",
        paper=OLSSON,
        where="one layer against two; Elhage et al. 2021",
        formula=r"[A][B] \dots [A] \to [B]",
        setting="The presets induction and induction-one-layer: attention alone on random tokens"
        " that repeat with a random period.",
        quantities=(
            Quantity("two", "best induction score, two layers", low=0.5),
            Quantity("first", "the same in the first of the two", high=0.2),
            Quantity("one", "best induction score, one layer", high=0.2),
            Quantity("previous", "previous-token score, first over second layer", low=3.0),
            Quantity("floor", "loss of two layers above the lowest possible", 0.0, 0.6),
            Quantity("gained", "loss of one layer minus that of two", low=1.0),
        ),
        axes=Axes("step", "training loss, nats per token"),
        function=f"{_MEASURE}:induction",
        seeds=_TWO,
        quick=False,
        seconds=40.0,
        source="three seeds of the lab (0.81–0.86 and 0.12)",
        caution="The period has to be random: with a fixed one a single layer copies by position.",
    ),
)
