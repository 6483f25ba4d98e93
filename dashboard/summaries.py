"""What tables say of a run, remembered for runs that can't change any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from core.runs import Run, RunStore
from core.runs.compare import Verdict, differences, last_loss, state_words, verdict
from dashboard.state import LIVE

SHOWN_AT_FIRST = 6
# What a table of runs shows while the runs do not differ in anything.
FALLBACK = ("model.residual", "model.placement", "model.depth")


@dataclass(frozen=True)
class Summary:
    """One row of a table of runs."""

    verdict: Verdict
    validation: float | None
    training: float | None
    state: str


def summary(run: Run) -> Summary:
    """A run's verdict, losses and state."""
    record = run.record
    if record.state in LIVE:
        return _summary(run)
    return _remembered(run, record.state, record.changed, run.name)


@lru_cache(maxsize=2000)
def _remembered(run: Run, state: str, changed: float, name: str) -> Summary:
    return _summary(run)


def _summary(run: Run) -> Summary:
    judged = verdict(run)
    return Summary(
        judged,
        last_loss(run, "loss/validation"),
        last_loss(run, "loss/train"),
        state_words(run, judged.kind),
    )


def found(runs: Sequence[Run], text: str) -> list[Run]:
    """Runs whose name, state or settings contain every word of a search."""
    needles = text.lower().split()
    return [run for run in runs if all(needle in _searchable(run) for needle in needles)]


def _searchable(run: Run) -> str:
    settings = " ".join(f"{name}={value}" for name, value in run.config.flat().items())
    return f"{run.name} {run.id} {run.status} {settings}".lower()


def unit_name(runs: Sequence[Run]) -> str:
    """What a loss in nats is for: a character, an image, or a prediction of either."""
    names = {"image" if run.config.image else "character" for run in runs}
    return names.pop() if len(names) == 1 else "prediction"


def baseline(runs: Sequence[Run]) -> str:
    """What the loss of a network that ignores its input is called."""
    return "class entropy" if unit_name(runs) == "image" else "unigram entropy"


def newest(store: RunStore) -> list[Run]:
    """All runs, newest first."""
    return store.list()[::-1]


def first_choice(runs: Sequence[Run]) -> list[str]:
    """All live runs and the newest others, newest first; ids."""
    live = [run.id for run in runs if run.status in LIVE]
    others = [run.id for run in runs if run.id not in live]
    return live + others[: max(0, SHOWN_AT_FIRST - len(live))]


def differing(runs: Sequence[Run], most: int = 5) -> list[str]:
    """The settings in which runs differ, those of the model first."""
    names = list(differences([run.config for run in runs])) or list(FALLBACK)
    last = ("training.seed", "probes.", "data.path")
    return sorted(names, key=lambda name: name.startswith(last))[:most]


def table(runs: Sequence[Run], columns: Sequence[str]) -> pd.DataFrame:
    """One row for each run."""
    rows = []
    for run in runs:
        row = summary(run)
        flat = run.config.flat()
        rows.append(
            {
                "": "●",
                "run": run.name,
                "state": row.state,
                "validation": row.validation,
                "training": row.training,
                **{name: str(flat[name]) for name in columns},
            }
        )
    names = ["", "run", "state", "validation", "training", *columns]
    return pd.DataFrame(rows, columns=names)


def difference_rows(runs: Sequence[Run]) -> list[tuple[str, list[Any]]]:
    """The settings in which the chosen runs differ, with the value of each run."""
    return list(differences([run.config for run in runs]).items())
