"""Which settings are the same experiment. Pure.

Runs that differ in nothing but their seed are one setting; what was switched while they trained
belongs to it. Runs that share the seed too are repeats.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
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
