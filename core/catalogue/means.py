"""The mean over several runs: repeats of one experiment count as one value. Pure.

Repeats (:mod:`core.config.alike`) say nothing about the spread over seeds.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from core.language import Message


@dataclass(frozen=True)
class Mean:
    """A mean over experiments: `value` is None where no run has one.

    `count` runs have a value, of `of` in all; `low` and `high` are the range over `experiments`
    (repeats averaged first), `deviation` their sample standard deviation, None below two.
    """

    value: float | None
    count: int
    of: int
    experiments: int
    low: float | None = None
    high: float | None = None
    deviation: float | None = None

    @property
    def whole(self) -> bool:
        """Whether every run is in it."""
        return self.count == self.of


def mean_of(values: Iterable[tuple[Hashable, float | None]]) -> Mean:
    """The mean of (experiment, value) pairs: repeats are averaged first, each experiment is one.

    Values that are None or not finite are left out, and counted.
    """
    pairs = list(values)
    own: dict[Hashable, list[float]] = {}
    for key, value in pairs:
        if value is not None and math.isfinite(value):
            own.setdefault(key, []).append(value)
    each = [math.fsum(found) / len(found) for found in own.values()]
    count = sum(len(found) for found in own.values())
    if not each:
        return Mean(None, 0, len(pairs), 0)
    mean = math.fsum(each) / len(each)
    spread = None
    if len(each) > 1:
        spread = math.sqrt(math.fsum((one - mean) ** 2 for one in each) / (len(each) - 1))
    return Mean(mean, count, len(pairs), len(each), min(each), max(each), spread)


def times(experiments: Sequence[Hashable]) -> str:
    """How many runs a line stands for: `×3`, `×3 (2 seeds)`, `×2 (one seed)`; "" for one."""
    runs, seeds = len(experiments), len(set(experiments))
    if runs < 2:
        return ""
    if seeds == runs:
        return f"×{runs}"
    return Message("×{runs} (one seed)", "×{runs} ({n} seeds)", runs=runs, n=seeds)
