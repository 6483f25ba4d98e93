"""What lists and filters ask of a run, kept in its directory so that nobody reads its metrics.

``digest.json`` belongs to a run that has ended and says what it was made from: the state, its time
and the sizes of the metrics' files. A run that was resumed, or a copy with other metrics, does not
fit it any more and is measured anew. It holds nothing that the rest of the directory does not say,
so it may be deleted, and where it can't be written nothing is lost but time.

A page that lists thousands of runs waits for so many seconds (:func:`within`); those that nobody
has measured by then are told as far as `status.json` says, and are `unread`.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.cache import Cache
from core.files import read_json, replacing
from core.language import Message, said
from core.runs import schemas
from core.runs.run import Run
from core.runs.status import ENDED, State, Status
from core.verdicts import judgement, labels
from core.verdicts.labels import VerdictKind
from core.verdicts.verdict import Verdict, diverged_at, judge

FILE = "digest.json"
RULES = 4  # changes when the same metrics would give another digest


@dataclass(frozen=True)
class RunSummary:
    """One run at a glance. Numbers are finite; one that does not exist is left out or None.

    `last` and `best` have the scalar metrics by name; best is the least loss and the greatest
    accuracy. `metrics` gives every metric's width in layers (0 for a scalar), `seconds` the time
    of training without pauses. `first` is the step that it started at, 0 but for a fork, and its
    seconds count from there. The verdict's numbers are in nats.
    """

    state: State
    verdict: Verdict
    step: int
    steps: int
    message: str
    diverged_at: int | None
    seconds: float | None
    last: Mapping[str, float]
    best: Mapping[str, float]
    metrics: Mapping[str, int]
    first: int = 0
    unread: bool = False  # what its metrics say is not known yet

    @property
    def loss(self) -> float | None:
        """The last training loss."""
        return self.last.get("loss/train")

    @property
    def validation(self) -> float | None:
        """The last validation loss."""
        return self.last.get("loss/validation")

    @property
    def best_loss(self) -> float | None:
        """The least training loss of a single batch."""
        return self.best.get("loss/train")

    @property
    def best_validation(self) -> float | None:
        """The least validation loss."""
        return self.best.get("loss/validation")

    @property
    def words(self) -> str:
        """The state as people say it: finished, plateau, diverged at step 41, training, ..."""
        return self.words_for(self.verdict.kind)

    def words_for(self, kind: VerdictKind | None) -> str:
        """The state in words, where the losses were judged so."""
        return labels.state_words(self.state, kind, self.step, self.steps, self.diverged_at)


class Patience:
    """The time that a page has for measuring runs.

    `left` are the runs that it left unread, by their prefixes, so that each is looked for once.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.left: dict[str, RunSummary] = {}

    @property
    def over(self) -> bool:
        """Whether the time is up. Only measuring uses it, so some runs are always read."""
        return self._seconds <= 0

    @contextlib.contextmanager
    def spent(self) -> Iterator[None]:
        """Take the time of the block from what is left."""
        started = time.monotonic()
        try:
            yield
        finally:
            self._seconds -= time.monotonic() - started


_PATIENCE: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[Patience]:
    """Measure ended runs in this block for so many seconds at most; the others stay unread."""
    patience = Patience(seconds)
    before = _PATIENCE.set(patience)
    try:
        yield patience
    finally:
        _PATIENCE.reset(before)


class _UnreadError(Exception):
    """Nobody has measured the run, and there is no time to do so. Raised so that the cache does not
    keep `told`, the summary that is shown instead."""

    def __init__(self, told: RunSummary) -> None:
        super().__init__()
        self.told = told


def summary_of(run: Run) -> RunSummary:
    """The run as it is now. Of a run that has ended it is kept, in memory and in its directory."""
    patience = _PATIENCE.get()
    if patience is not None and run.prefix in patience.left:
        return patience.left[run.prefix]
    return _summary(run, run.record, run.name)


def unread(run: Run) -> bool:
    """Whether a run has ended and has no digest that fits it."""
    record = run.record
    return record.state in ENDED and _from_digest(run, record, run.name) is None


def keep(run: Run) -> None:
    """Write the digest of a run that has just ended, so that it is there when it is asked for."""
    with contextlib.suppress(OSError):  # its directory is gone
        summary_of(run)


SUMMARIES: Cache[RunSummary] = Cache(20_000)


def _summary(run: Run, record: Status, name: str) -> RunSummary:
    """As long as neither the state nor the name changes, and of a live run the metrics."""
    ended = record.state in ENDED  # then the metrics do not change either
    sizes = None if ended else tuple(_sizes(run).items())
    made_from = (name, record.state, record.changed, record.step, sizes)
    make = partial(_kept, run, record, name) if ended else partial(_measured, run, record)
    try:
        return SUMMARIES.get(run.prefix, made_from, make)
    except _UnreadError as error:
        return error.told


def _kept(run: Run, record: Status, name: str) -> RunSummary:
    """From `digest.json` where it fits, else measured and written there."""
    found = _from_digest(run, record, name)
    if found is not None:
        return found
    patience = _PATIENCE.get()
    if patience is not None and patience.over:
        patience.left[run.prefix] = told = _unread(run, record, name)
        raise _UnreadError(told)
    made_from = _made_from(run, record)
    with patience.spent() if patience else contextlib.nullcontext():
        measured = _measured(run, record)
    with contextlib.suppress(OSError):
        if not _is_newer(run):
            made = said(measured.verdict.sentence)
            about = {"of": made_from, "name": name, **asdict(measured), **made}
            _write(run.path / FILE, schemas.marked(FILE, about))
    return measured


def _from_digest(run: Run, record: Status, name: str) -> RunSummary | None:
    try:
        found = schemas.current(FILE, read_json(run.prefix + FILE))
        if found["of"] == _made_from(run, record):
            return _from_json(found, record, name, run.first_step)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass  # none, torn, or of other rules
    return None


def _unread(run: Run, record: Status, name: str) -> RunSummary:
    return RunSummary(
        state=record.state,
        verdict=Verdict("too_early", None, None, Message("{name} is being read.", name=name)),
        step=record.step,
        steps=record.steps,
        message=record.message,
        diverged_at=None,
        seconds=None,
        last={},
        best={},
        metrics={},
        first=run.first_step,
        unread=True,
    )


def _from_json(found: dict[str, Any], record: Status, name: str, first: int) -> RunSummary:
    told = dict(found["verdict"])
    text = name + told["sentence"].removeprefix(found["name"])  # it may be renamed
    made = _renamed(found.get("said"), found["name"], name)
    told["sentence"] = Message.restored(made, text)
    return RunSummary(
        state=record.state,
        verdict=Verdict(**told),
        step=record.step,
        steps=record.steps,
        first=first,
        message=record.message,
        diverged_at=found["diverged_at"],
        seconds=found["seconds"],
        last=dict(found["last"]),
        best=dict(found["best"]),
        metrics=dict(found["metrics"]),
    )


def _renamed(made: Any, old: str, new: str) -> Any:
    """What a message was made from, with the run's new name."""
    if not isinstance(made, dict):
        return new if made == old else made
    return {key: _renamed(value, old, new) if key in ("values", "name", "first", "what", "said")
            else value for key, value in made.items()}  # fmt: skip


def _made_from(run: Run, record: Status) -> dict[str, Any]:
    return {
        "rules": RULES,
        "judged_by": judgement.VERSION,
        "state": record.state,
        "changed": record.changed,
        "step": record.step,
        "sizes": _sizes(run),
    }


def _sizes(run: Run) -> dict[str, int]:
    try:
        with os.scandir(f"{run.prefix}metrics") as entries:
            files = {e.name: e.stat().st_size for e in entries if e.name.endswith(".arrow")}
    except OSError:
        return {}
    return dict(sorted(files.items()))


def _measured(run: Run, record: Status) -> RunSummary:
    verdict = judge(run)
    last: dict[str, float] = {}
    best: dict[str, float] = {}
    metrics: dict[str, int] = {}
    seconds = None
    for cadence in run.cadences:
        widths = run.cadence_metrics(cadence)
        metrics |= widths
        scalars = [name for name, width in widths.items() if not width]
        rows = run.rows(cadence, [*scalars, "seconds"])
        if cadence == "step" and len(rows.steps):
            seconds = float(rows.columns["seconds"][-1]) - run.seconds_before
        for name in scalars:
            column = np.asarray(rows.columns[name], dtype=np.float64)
            finite = column[np.isfinite(column)]
            if not len(finite):
                continue
            last[name] = float(finite[-1])
            if name.startswith(("loss/", "bits_per_byte/", "accuracy/")):
                top = name.startswith("accuracy/")
                best[name] = float(finite.max() if top else finite.min())
    return RunSummary(
        state=record.state,
        verdict=verdict,
        step=record.step,
        steps=record.steps,
        first=run.first_step,
        message=record.message,
        diverged_at=diverged_at(run) if verdict.kind == "diverged" else None,
        seconds=seconds,
        last=last,
        best=best,
        metrics=metrics,
    )


def _is_newer(run: Run) -> bool:
    """Whether a later release wrote the digest, whose it stays then."""
    try:
        schemas.current(FILE, read_json(run.prefix + FILE))
    except schemas.NewerSchemaError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _write(path: Path, content: dict[str, Any]) -> None:
    """Atomically, without waiting for the disk: what is torn by a crash is measured again."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")
