"""The papers whose claims are checked."""

from core.evidence.claim import Paper

GLOROT = Paper(
    "Glorot and Bengio", 2010, "Understanding the difficulty of training deep feedforward neural"
    " networks", url="https://proceedings.mlr.press/v9/glorot10a.html",
)  # fmt: skip
HE = Paper("He et al.", 2015, "Deep Residual Learning for Image Recognition", "1512.03385")
BA = Paper("Ba et al.", 2016, "Layer Normalization", "1607.06450")
VASWANI = Paper("Vaswani et al.", 2017, "Attention Is All You Need", "1706.03762")
BALDUZZI = Paper(
    "Balduzzi et al.", 2017, "The Shattered Gradients Problem: If resnets are the answer, then what"
    " is the question?", "1702.08591",
)  # fmt: skip
ZHANG_FIXUP = Paper(
    "Zhang et al.", 2019, "Fixup Initialization: Residual Learning Without Normalization",
    "1901.09321",
)  # fmt: skip
ZHANG_RMS = Paper("Zhang and Sennrich", 2019, "Root Mean Square Layer Normalization", "1910.07467")
RADFORD = Paper(
    "Radford et al.", 2019, "Language Models are Unsupervised Multitask Learners",
    url="https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf",
)  # fmt: skip
XIONG = Paper(
    "Xiong et al.", 2020, "On Layer Normalization in the Transformer Architecture", "2002.04745"
)
SHAZEER = Paper("Shazeer", 2020, "GLU Variants Improve Transformer", "2002.05202")
BACHLECHNER = Paper("Bachlechner et al.", 2020, "ReZero is All You Need", "2003.04887")
LIU = Paper(
    "Liu et al.", 2020, "Understanding the Difficulty of Training Transformers", "2004.08249"
)
HUANG = Paper(
    "Huang et al.", 2020, "Improving Transformer Optimization Through Better Initialization",
    url="https://proceedings.mlr.press/v119/huang20f.html",
)  # fmt: skip
ELHAGE = Paper(
    "Elhage et al.", 2021, "A Mathematical Framework for Transformer Circuits",
    url="https://transformer-circuits.pub/2021/framework/index.html",
)  # fmt: skip
DEHGHANI = Paper(
    "Dehghani et al.", 2023, "Scaling Vision Transformers to 22 Billion Parameters", "2302.05442"
)
DONG = Paper(
    "Dong et al.", 2021, "Attention is not all you need: pure attention loses rank doubly"
    " exponentially with depth", "2103.03404",
)  # fmt: skip
COHEN = Paper(
    "Cohen et al.", 2021, "Gradient Descent on Neural Networks Typically Occurs at the Edge of"
    " Stability", "2103.00065",
)  # fmt: skip
TOUVRON = Paper("Touvron et al.", 2021, "Going deeper with Image Transformers", "2103.17239")
WANG = Paper("Wang et al.", 2022, "DeepNet: Scaling Transformers to 1,000 Layers", "2203.00555")
NOCI = Paper(
    "Noci et al.", 2022, "Signal Propagation in Transformers: Theoretical Perspectives and the Role"
    " of Rank Collapse", "2206.03126",
)  # fmt: skip
OLSSON = Paper("Olsson et al.", 2022, "In-context Learning and Induction Heads", "2209.11895")
KARPATHY = Paper("Karpathy", 2022, "nanoGPT", url="https://github.com/karpathy/nanoGPT")
XIAO = Paper(
    "Xiao et al.", 2023, "Efficient Streaming Language Models with Attention Sinks", "2309.17453"
)
SUN_MASSIVE = Paper(
    "Sun et al.", 2024, "Massive Activations in Large Language Models", "2402.17762"
)
ZHOU = Paper("Zhou et al.", 2024, "Value Residual Learning", "2410.17897")
LI_MIX = Paper(
    "Li et al.", 2024, "Mix-LN: Unleashing the Power of Deeper Layers by Combining Pre-LN and"
    " Post-LN", "2412.13795",
)  # fmt: skip
OLMO = Paper("OLMo Team", 2024, "2 OLMo 2 Furious", "2501.00656")
KIM = Paper("Kim et al.", 2025, "Peri-LN: Revisiting Normalization Layer in the Transformer"
    " Architecture", "2502.02732")  # fmt: skip
SUN_LNS = Paper("Sun et al.", 2025, "The Curse of Depth in Large Language Models", "2502.05795")
ZHU = Paper("Zhu et al.", 2025, "Transformers without Normalization", "2503.10622")
