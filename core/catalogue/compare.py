"""What became of runs, and in which settings they differ."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from core.catalogue.summary import RunSummary, summary_of
from core.config import RunConfig, overrides
from core.runs.store import Run
from core.verdicts.labels import VerdictKind
from core.verdicts.verdict import Verdict, diverged_at

__all__ = [
    "RunSummary",
    "Verdict",
    "VerdictKind",
    "command",
    "differences",
    "diverged_at",
    "equal_count",
    "last_loss",
    "state_words",
    "summary_of",
    "verdict",
]


def verdict(run: Run) -> Verdict:
    """Judge a run by the mean of its last 50 training losses."""
    return summary_of(run).verdict


def last_loss(run: Run, metric: str) -> float | None:
    """The last finite value of a loss, None while there is none."""
    return summary_of(run).last.get(metric)


def state_words(run: Run, kind: VerdictKind | None = None) -> str:
    """A run's state as people say it: finished, plateau, diverged at step 41, training, ..."""
    return summary_of(run).words_for(kind)


def command(config: RunConfig) -> str:
    """The command line that trains these settings: those that are not the defaults."""
    defaults = RunConfig().flat()
    words = ["python -m core train"]
    for name, value in config.flat().items():
        if value == defaults[name]:
            continue
        if isinstance(value, list | tuple):
            value = overrides.text(value)
        elif isinstance(value, bool):
            value = str(value).lower()
        words.append(f"--{name} {shlex.quote(str(value))}")
    if config.name:
        words.append(f"--name {shlex.quote(config.name)}")
    return " ".join(words)


def differences(configs: Sequence[RunConfig]) -> dict[str, list[Any]]:
    """The settings that are not the same everywhere, by dotted name, one value per config."""
    flat = [config.flat() for config in configs]
    names = flat[0] if flat else {}
    table = {name: [values[name] for values in flat] for name in names}
    return {name: row for name, row in table.items() if any(v != row[0] for v in row)}


def equal_count(configs: Sequence[RunConfig]) -> int:
    """How many settings are the same everywhere."""
    return len(RunConfig().flat()) - len(differences(configs))
