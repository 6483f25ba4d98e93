"""Factors for people: as exact as a sentence wants them. Does not import torch."""

from __future__ import annotations

import math

from core.language import Message, mark

_SAID = (
    (1e12, mark("about {factor:,.0f} trillion times")),
    (1e9, mark("about {factor:,.0f} billion times")),
    (1e6, mark("about {factor:,.0f} million times")),
)


def rough_times(factor: float) -> str:
    """How many times, in words: `about 34,000 times`, `about 10 million times`.

    One decimal below 10, two figures below a million, one from there on, as nobody reads
    more out of it. A factor that is infinite or no number raises ValueError.
    """
    if not math.isfinite(factor):
        raise ValueError(f"{factor} is not a factor")
    if factor < 9.95:
        return Message("about {factor:.1f} times", factor=float(factor))
    rounded = float(f"{factor:.2g}")
    if rounded < 1e6:
        return Message("about {factor:,.0f} times", factor=rounded)
    rounded = float(f"{factor:.1g}")
    if rounded >= 1e15:
        return Message("more than 100 trillion times")
    size, said = next((size, said) for size, said in _SAID if rounded >= size)
    return Message(said, factor=rounded / size)
