"""In which settings runs differ, and which of them are the same experiment. Pure.

Runs that differ in nothing but their seed are one setting; what was switched while they trained
belongs to it, and where they were forked. Runs that share the seed too are repeats.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.config.fork_point import ForkPoint

SEED = "training.seed"
SCHEDULE = "training.switches"
FORK = "fork"  # beside the settings of a run as it was trained: where it started
Values = Mapping[str, Any]


def setting_key(
    settings: Values, switches: Sequence[Values] = (), fork: ForkPoint | None = None
) -> str:
    """Equal where runs differ in nothing but their seed.

    `switches`: all that changed layers while it trained, by hand or by schedule. Forks are of one
    setting where they start at one step of runs of one setting.
    """
    parent = fork and [fork.step, setting_key(fork.config.flat(), (), fork.parent)]
    return _digest(settings, switches, (SEED, SCHEDULE), parent)


def experiment_key(
    settings: Values, switches: Sequence[Values] = (), fork: ForkPoint | None = None
) -> str:
    """Equal where runs are repeats of each other: the seed is the same too, and the checkpoint."""
    return _digest(settings, switches, (SCHEDULE,), fork and fork.key)


def _digest(
    settings: Values, switches: Sequence[Values], without: Sequence[str], fork: object
) -> str:
    rest = {name: value for name, value in settings.items() if name not in without}
    parts: list[object] = [rest, [dict(one) for one in switches], *([fork] if fork else [])]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differing(settings: Sequence[Values]) -> dict[str, list[Any]]:
    """The settings that are not the same in all of these, each with its values in their order.

    One that some of them lack is None there.
    """
    names = dict.fromkeys(name for one in {tuple(s): None for s in settings} for name in one)
    columns = {name: [values.get(name) for values in settings] for name in names}
    return {name: own for name, own in columns.items() if own.count(own[0]) != len(own)}


def are_twins(first: Values, second: Values) -> bool:
    """Whether two runs differ in one setting and learn from the same batches."""
    names = list(differing([first, second]))
    return len(names) == 1 and names[0] != SEED and not names[0].startswith("data.")
