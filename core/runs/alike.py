"""Which runs are the same experiment, and what the mean over several of them is. Pure.

Runs that differ in nothing but their seed are one setting; what was switched while they trained
belongs to it. Runs that share the seed too are repeats: they say nothing about the spread over
seeds, so they count as one value, their mean.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SEED = "training.seed"
SCHEDULE = "training.switches"
Values = Mapping[str, Any]


def setting_key(settings: Values, switches: Sequence[Values] = ()) -> str:
    """Equal where runs differ in nothing but their seed.

    `switches`: all that changed layers while it trained, by hand or by schedule.
    """
    return _digest(settings, switches, (SEED, SCHEDULE))


def experiment_key(settings: Values, switches: Sequence[Values] = ()) -> str:
    """Equal where runs are repeats of each other: the seed is the same too."""
    return _digest(settings, switches, (SCHEDULE,))


def _digest(settings: Values, switches: Sequence[Values], without: Sequence[str]) -> str:
    rest = {name: value for name, value in settings.items() if name not in without}
    text = json.dumps([rest, [dict(one) for one in switches]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def are_twins(first: Values, second: Values) -> bool:
    """Whether two runs differ in one setting and learn from the same batches."""
    differing = [name for name in first if first[name] != second.get(name)]
    return len(differing) == 1 and differing[0] != SEED and not differing[0].startswith("data.")


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
    return f"×{runs} ({'one seed' if seeds == 1 else f'{seeds} seeds'})"
