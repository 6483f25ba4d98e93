"""LayerNorm of a typed vector, operated by hand: every number on the way, and the gradient.

y = γ (x - μ) / √(σ² + ε) + β with μ and σ² over the d features of one token, σ² divided by d (Ba
et al. 2016, arXiv 1607.06450; as `torch.nn.LayerNorm`). Beside it (H - μ) / σ as the tutorials
print it: without ε, γ and β. Numpy only.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.language import Message

FEWEST, MOST = 2, 12  # features
LARGEST = 1e6
EPSILON = 1e-5

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class ByHand:
    """All numbers of one LayerNorm; vectors are (d,).

    `root` is √(σ² + ε), `normed` (x - μ) / root, `y` the result, `gradient` that of the chosen
    output with respect to x. `printed` is (x - μ) / σ, None where σ is 0.
    """

    x: Numbers
    mean: float
    sigma: float
    root: float
    centred: Numbers
    normed: Numbers
    y: Numbers
    gradient: Numbers
    printed: Numbers | None

    @property
    def apart(self) -> float | None:
        """The largest difference between both formulas, γ and β left out."""
        return None if self.printed is None else float(np.abs(self.printed - self.normed).max())


def vector(text: str) -> Numbers:
    """A typed vector: numbers with commas or spaces. Raises ValueError with a sentence."""
    words = [word for word in re.split(r"[\s,;，；、]+", text.strip().strip("[]()")) if word]
    numbers = []
    for word in words:
        try:
            number = float(word.replace("\N{MINUS SIGN}", "-"))
        except ValueError:
            raise ValueError(
                Message(
                    "{word} is not a number; type numbers with commas, as 1, 2, 4", word=word[:20]
                )
            ) from None
        if not math.isfinite(number) or abs(number) > LARGEST:
            raise ValueError(
                Message("{word} is too large; type numbers up to a million", word=word[:20])
            )
        numbers.append(number)
    if not FEWEST <= len(numbers) <= MOST:
        raise ValueError(
            Message(
                "type {fewest} to {most} numbers; there are {found}",
                fewest=FEWEST, most=MOST, found=len(numbers),
            )
        )  # fmt: skip
    return np.array(numbers)


def layer_norm(
    x: Numbers, output: int = 0, gamma: float = 1.0, beta: float = 0.0, epsilon: float = EPSILON
) -> ByHand:
    """LayerNorm of x (d,) with one γ and one β for all features; `output` counts from 0.

    The gradient is ∂y_j/∂x_i = γ (δ_ij - 1/d - n_i n_j / d) / √(σ² + ε), n the normed vector.
    """
    d = len(x)
    mean = float(x.mean())
    centred = x - mean
    sigma = float(np.sqrt((centred**2).mean()))
    root = math.sqrt(sigma**2 + epsilon)
    if root == 0:
        raise ValueError(Message("without ε the norm of equal numbers is 0 divided by 0"))
    normed = centred / root
    own = np.eye(d)[output]
    gradient = gamma * (own - 1 / d - normed * normed[output] / d) / root
    printed = centred / sigma if sigma > 0 else None
    return ByHand(x, mean, sigma, root, centred, normed, gamma * normed + beta, gradient, printed)
