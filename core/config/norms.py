"""The norms that there are: the word of each in the settings, and what is known without torch.

A norm over features has a module of its name in `core/models/norms`, a word in `Norm` and a row in
`NORMS`. The type checker refuses a row whose word is missing and a comparison with a word that does
not exist; a test refuses a module without a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# In the order in which a page offers them.
Norm = Literal["layer", "rms", "dyt", "batch", "group", "none"]


@dataclass(frozen=True)
class NormRow:
    """A norm over the last axis, as equations, help and estimates know it."""

    label: str  # in equations, drawings and names of runs: "LN"
    summary: str  # in the help of `model.norm`
    vectors: tuple[str, ...] = ()  # trained, one number for each feature; `bias` with `model.bias`
    scalars: tuple[str, ...] = ()  # trained single numbers
    keeps: int = 2  # tensors of the input's size that the backward pass needs

    def parameters(self, size: int, bias: bool) -> int:
        """Trained numbers of this norm over `size` features."""
        vectors = sum(bias or name != "bias" for name in self.vectors)
        return size * vectors + len(self.scalars)


NORMS: dict[Norm, NormRow] = {
    "layer": NormRow("LN", "LayerNorm, (x - mean) / std", ("weight", "bias"), keeps=1),
    "rms": NormRow("RMS", "RMSNorm, x / rms(x)", ("weight",)),
    "dyt": NormRow(
        "DyT",
        "Dynamic Tanh, tanh(αx), which needs no statistics of x",
        ("weight", "bias"),
        ("alpha",),
    ),
    "none": NormRow("", "no normalisation", keeps=0),
}

# Norms of a ResNet's feature maps, which core.models.resnet builds: their labels.
CONVOLUTIONAL: dict[Norm, str] = {"batch": "BN", "group": "GN"}
_LABELS: dict[str, str] = {str(word): row.label for word, row in NORMS.items()}
_LABELS.update(CONVOLUTIONAL.items())


def norm_label(word: str) -> str:
    """`LN`, `BN`; empty for none. A word of a newer version stands for itself."""
    return _LABELS.get(word, word)
