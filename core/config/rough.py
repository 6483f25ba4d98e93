"""Factors for people: as exact as a sentence wants them. Does not import torch."""

from __future__ import annotations

import math

_NAMES = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def rough_times(factor: float) -> str:
    """How many times, in words: `about 34,000 times`, `about 10 million times`.

    One decimal below 10, two figures below a million, one from there on, as nobody reads
    more out of it. A factor that is infinite or no number raises ValueError.
    """
    if not math.isfinite(factor):
        raise ValueError(f"{factor} is not a factor")
    if factor < 9.95:
        return f"about {factor:.1f} times"
    rounded = float(f"{factor:.2g}")
    if rounded < 1e6:
        return f"about {rounded:,.0f} times"
    rounded = float(f"{factor:.1g}")
    if rounded >= 1e15:
        return "more than 100 trillion times"
    size, name = next((size, name) for size, name in _NAMES if rounded >= size)
    return f"about {rounded / size:,.0f} {name} times"
