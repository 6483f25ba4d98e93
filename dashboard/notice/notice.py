"""What "What am I looking at?" says of a picture."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.language import Message, t

NOTHING = Message("There is no finite number to draw.")


@dataclass(frozen=True)
class Notice:
    """`axes` what is drawn, `theory` what is to be expected, `now` a sentence for each thing that
    stands out in it, `terms` labels that the glossary knows.
    """

    axes: str
    theory: str = ""
    now: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """As the browser is given it: in the reader's language, but for the terms' labels."""
        now = [t(sentence) for sentence in self.now if sentence] or [t(NOTHING)]
        return {
            "axes": t(self.axes),
            "theory": t(self.theory),
            "now": now,
            "terms": list(self.terms),
        }


def number(value: float, digits: int = 3) -> str:
    """A number as sentences have it: three figures, 12,000 with its comma."""
    if not math.isfinite(value):
        return "NaN"
    rounded = float(f"{value:.{digits}g}")
    if 1000 <= abs(rounded) < 1e6:
        return f"{rounded:,.0f}"
    return f"{rounded:.{digits}g}"


def finite(values: Iterable[Any]) -> np.ndarray:
    """The finite ones of numbers that may be null, as float64."""
    found = np.array([math.nan if v is None else v for v in values], dtype=np.float64)
    return found[np.isfinite(found)]
