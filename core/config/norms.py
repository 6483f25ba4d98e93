"""The norms that there are: the word of each in the settings, and what is known without torch.

A norm over features has a module of its name in `core/models/norms`, a word in `Norm` and a row in
`NORMS`. The type checker refuses a row whose word is missing and a comparison with a word that does
not exist; a test refuses a module without a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.language import mark

# In the order in which a page offers them.
Norm = Literal["layer", "rms", "dyt", "batch", "group", "none"]


@dataclass(frozen=True)
class NormRow:
    """A norm over the last axis, as equations, help and estimates know it.

    `equation` and `expect` say in a line each what it does and what to expect of it.
    """

    label: str  # in equations, drawings and names of runs: "LN"
    summary: str  # in the help of `model.norm`
    vectors: tuple[str, ...] = ()  # trained, one number for each feature; `bias` with `model.bias`
    scalars: tuple[str, ...] = ()  # trained single numbers
    keeps: int = 2  # tensors of the input's size that the backward pass needs
    equation: str = ""  # of one token's features x
    expect: str = ""

    def parameters(self, size: int, bias: bool) -> int:
        """Trained numbers of this norm over `size` features."""
        vectors = sum(bias or name != "bias" for name in self.vectors)
        return size * vectors + len(self.scalars)


NORMS: dict[Norm, NormRow] = {
    "layer": NormRow(
        "LN",
        "LayerNorm, (x - mean) / std",
        ("weight", "bias"),
        keeps=1,
        equation="N(x) = γ ⊙ (x − μ)/σ + β",
        expect=mark(
            "Each vector gets mean 0 and deviation 1. Expect one size wherever a norm stands."
        ),
    ),
    "rms": NormRow(
        "RMS",
        "RMSNorm, x / rms(x)",
        ("weight",),
        equation="N(x) = γ ⊙ x/rms(x)",
        expect=mark("Sets the size and leaves the mean. Expect a loss close to LayerNorm's."),
    ),
    "dyt": NormRow(
        "DyT",
        "Dynamic Tanh, tanh(αx), which needs no statistics of x",
        ("weight", "bias"),
        ("alpha",),
        equation="N(x) = γ ⊙ tanh(αx) + β",
        expect=mark(
            "Cuts large numbers and measures nothing. Expect small ones to keep the size they had."
        ),
    ),
    "none": NormRow(
        "",
        "no normalisation",
        keeps=0,
        equation="N(x) = x",
        expect=mark("Nothing sets the size of x. Expect it to change with every layer."),
    ),
}

# Norms of a ResNet's feature maps, which core.models.resnet builds.
CONVOLUTIONAL: dict[Norm, NormRow] = {
    "batch": NormRow(
        "BN",
        "BatchNorm over the images of a batch",
        equation="N(x) = γ (x − μ)/σ + β",
        expect=mark(
            "Mean and deviation of a channel, over all images of the batch. Expect small batches to"
            " make it noisy."
        ),
    ),
    "group": NormRow(
        "GN",
        "GroupNorm",
        equation="N(x) = γ (x − μ)/σ + β",
        expect=mark(
            "Mean and deviation of some channels of one image. Expect the same at every batch size."
        ),
    ),
}
TRAINED = {"weight": "γ", "bias": "β", "alpha": "α"}


def norm_equation(word: Norm, bias: bool = True, name: str = "N") -> tuple[str, str]:
    """A norm's equation, `LN(x) = γ ⊙ (x − μ)/σ + β`, and its trained letters, `γ, β`."""
    row = (NORMS | CONVOLUTIONAL)[word]
    trained = [one for one in (*row.vectors, *row.scalars) if bias or one != "bias"]
    equation = row.equation.replace("N(x)", f"{name}(x)", 1)
    return (
        equation if bias else equation.removesuffix(" + β"),
        ", ".join(TRAINED.get(one, one) for one in trained),
    )


_LABELS = {str(word): row.label for word, row in (NORMS | CONVOLUTIONAL).items()}


def norm_label(word: str) -> str:
    """`LN`, `BN`; empty for none. A word of a newer version stands for itself."""
    return _LABELS.get(word, word)
