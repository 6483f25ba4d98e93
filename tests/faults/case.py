"""What a case is, and what every kind of case says of a run that was harmed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core import jobs
from core.runs import Run, RunError, RunStore
from tests.faults.laboratory import Laboratory, LostError, Reference, compare, content, look, train


class SkippedError(Exception):
    """This machine does not allow it; the sentence says what."""


@dataclass(frozen=True)
class Case:
    """One fault at one moment. `act` raises LostError, or SkippedError."""

    fault: str
    what: str
    act: Callable[[Laboratory, random.Random], None]


def take_up(
    lab: Laboratory, store: RunStore, id: str, harmed: str, like: Reference = "whole"
) -> None:
    """Resume a run as a user would; it ends as it would have, or says why it can't."""
    look(store)
    try:
        run = RunStore(store.root).open(id)
        run.config  # noqa: B018
        jobs.control(store, run, "resume")
    except (RunError, OSError) as error:
        sentence(str(error))
        return
    state = train(run)
    look(store)
    sound(lab, store, id, state, harmed, like)


def sound(
    lab: Laboratory,
    store: RunStore,
    id: str,
    state: str,
    harmed: str,
    like: Reference = "whole",
) -> None:
    """Nothing is gone but what the harmed file alone had, and no number is another."""
    run = Run(store.root / id)
    if state == "failed":
        sentence(run.record.message)
    elif state != "finished":
        raise LostError(f"it is {state}: {run.record.message}")
    try:
        run.config  # noqa: B018
    except RunError as error:
        sentence(str(error))
        return
    own = _own(harmed)
    truth = lab.truth(like)
    compare(run, truth, missing=lambda key: state == "failed" or key.startswith(own), own=own)


def _own(name: str) -> str:
    """How the keys of what only one file has begin."""
    stem = Path(name).name
    if name.startswith("metrics/"):
        return stem.partition("-")[0] + " "
    if name.startswith("snapshots/"):
        return f"snapshot {int(stem[10:19])}"
    if name == "events.jsonl":
        return "sample "
    return f"checkpoint {stem}"


def sentence(text: str) -> None:
    """Raises LostError where a text is none for people."""
    if not text or "Error:" in text or "Traceback" in text or "\n" in text.strip():
        raise LostError(f"no sentence for people: {text!r}")


def went_on(lab: Laboratory, store: RunStore, run: Run) -> None:
    """What was on the disk is there after the run was taken up again, and all the rest."""
    before = content(run)
    look(store)
    if run.status != "finished":
        if run.status not in ("interrupted", "stopped", "queued"):
            raise LostError(f"it is {run.status}: {run.record.message}")
        if run.status != "queued":
            jobs.control(store, run, "resume")
        if train(run) != "finished":
            raise LostError(f"it is {run.status}: {run.record.message}")
    after = content(run)
    if gone := [key for key in before if key not in after and not key.startswith("checkpoint")]:
        raise LostError(f"{len(gone)} that were written are gone, among them {gone[:3]}")
    compare(run, lab.truth())
    look(store)
