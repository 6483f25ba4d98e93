"""When two numbers are called different: the rules that pages, advice and the browser share. Pure.

The rule by which a loss is judged is :mod:`core.verdicts.judgement`.
"""

from __future__ import annotations

from typing import Any, Literal

APART = 3.0  # the factor from which on two gradients are called different
KEEPS = (0.8, 1.25)  # a stream's size at the end over that at the start, while it keeps its size
HEALTHY = 1e-3  # an update over its weights, about
LIFELESS = 2e-5  # below it: of a dead network


def growth(first: float, last: float) -> Literal["keeps", "grows", "shrinks"]:
    """What a size does that is `first` at the start and `last` at the end; neither is negative."""
    ratio = last / first if first else float("inf")
    if KEEPS[0] <= ratio <= KEEPS[1]:
        return "keeps"
    return "grows" if ratio > 1 else "shrinks"


def for_browser() -> dict[str, Any]:
    """The numbers as the live views are given them."""
    return {"apart": APART, "keeps": list(KEEPS), "healthy": HEALTHY, "lifeless": LIFELESS}
