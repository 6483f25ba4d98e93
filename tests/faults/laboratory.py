"""Tiny runs to harm, what they would have become, and the looks that everybody takes at them."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.config import RunConfig
from core.metrics.segment import CADENCES
from core.runs import Run, RunStore
from core.runs.status import Order

TIMES = ("seconds", "tokens_per_second")  # no two runs have the same
STEPS, CHECKPOINTS, INTERRUPTED = 30, 10, 24
SETTINGS: dict[str, Any] = {
    "model.depth": 2,
    "model.width": 8,
    "model.heads": 2,
    "model.context": 8,
    "data.corpus": "file",
    "training.batch_size": 2,
    "training.steps": STEPS,
    "training.evaluate_every": 10,
    "training.checkpoint_every": CHECKPOINTS,
    "training.threads": 1,
    "training.device": "cpu",
    "probes.every": 5,
}


class LostError(AssertionError):
    """Something was lost, is wrong, or was told in no sentence."""


class At:
    """A control that does something when the trainer asks for the n-th time."""

    def __init__(self, acts: dict[int, Callable[[], object]] | None = None) -> None:
        self.acts, self.asked, self.stopping = acts or {}, -1, False

    def commands(self) -> list[Order]:
        self.asked += 1
        if self.asked in self.acts:
            self.acts[self.asked]()
        return [Order("stop")] if self.stopping else []

    def threads(self) -> int:
        return 1

    def leave(self) -> None:
        pass

    def enter(self) -> bool:
        return True

    def wait(self) -> None:
        time.sleep(0.02)


class Laboratory:
    """A folder of its own with two runs of reference: one ended, one that was killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.text = folder / "text.txt"
        if not self.text.exists():
            words = random.Random(0).choices(["the ", "cat ", "sat ", "on ", "a mat.\n"], k=2000)
            self.text.write_text("".join(words))
        self.reference = RunStore(folder / "reference")

    @property
    def settings(self) -> dict[str, Any]:
        """Of the tiny run, by dotted name."""
        return {**SETTINGS, "data.path": str(self.text)}

    def config(self) -> RunConfig:
        """The tiny run's settings."""
        return RunConfig.from_flat(self.settings)

    @cached_property
    def seconds(self) -> float:
        """How long a run of it takes here."""
        return float((self.folder / "seconds").read_text())

    def prepare(self) -> None:
        """Train the references; in a process of its own, since forks must not follow autograd."""
        train(self.reference.create(self.config(), "warms up"))
        began = time.monotonic()
        train(self.reference.create(self.config(), "whole"))
        (self.folder / "seconds").write_text(str(time.monotonic() - began))
        killed = self.reference.create(self.config(), "killed")
        pid = os.fork()
        if not pid:
            train(killed, At({INTERRUPTED: lambda: os._exit(0)}))
            os._exit(1)
        os.waitpid(pid, 0)

    def named(self, name: str) -> Run:
        return next(run for run in self.reference.list() if run.name == name)

    @cached_property
    def truth(self) -> dict[str, Any]:
        """What the uninterrupted run has."""
        return content(self.named("whole"))

    @contextlib.contextmanager
    def store(self, *copies: str) -> Iterator[RunStore]:
        """A runs folder for one case, with copies of the references."""
        root = self.folder / f"case-{os.getpid()}" / "runs"
        root.mkdir(parents=True)
        self._asked = copies
        for copy in copies:
            run = self.named(copy)
            shutil.copytree(run.path, root / run.id)
        os.environ["ADDNORM_RUNS"] = str(root)
        try:
            yield RunStore(root)
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def copies(self, store: RunStore) -> list[Run]:
        """The copies of references in a store, in the order whole, killed as they were asked."""
        found = {run.name: run for run in store.list()}
        return [found[name] for name in self._asked]


def train(run: Run, control: Any = None) -> str:
    """Train a run here, as a worker does; the state that it ends in."""
    from core.jobs.execute_run import work

    lock = run.lock()
    if not lock.acquire():
        raise LostError("the lock of a run that nobody trains is taken")
    try:
        return work(run, control or At())
    finally:
        lock.release()


def content(run: Run) -> dict[str, Any]:
    """Everything that an interruption must not change: rows, snapshots, weights, samples."""
    found: dict[str, Any] = {}
    for cadence in CADENCES:
        names = sorted(run.cadence_metrics(cadence))
        rows = run.rows(cadence, names)
        for place, step in enumerate(rows.steps.tolist()):
            for name in names:
                if name not in TIMES:
                    found[f"{cadence} {step} {name}"] = rows.columns[name][place].tobytes()
    for step in run.snapshots.steps:
        found[f"snapshot {step}"] = run.snapshots.pattern(step).tobytes()
    for path in sorted((run.path / "checkpoints").glob("*.safetensors")):
        if path.is_file() and not path.name.endswith(".state.safetensors"):
            found[f"checkpoint {path.name}"] = path.read_bytes()
    for event in run.events:
        if event["kind"] == "sample":
            found[f"sample {event['step']}"] = event["text"]
    return found


def compare(
    run: Run,
    truth: dict[str, Any],
    missing: Callable[[str], bool] | None = None,
    own: str | None = None,
) -> None:
    """Raise LostError where the run has other numbers, or lacks what may not be `missing`.

    `own`: how the names begin of what only a harmed file has, a checkpoint's weights among them.
    """
    mine = content(run)
    harmed = own if own is not None and own.startswith("checkpoint") else None
    wrong = [key for key, value in mine.items() if truth.get(key, value) != value and key != harmed]
    lacks = [key for key in truth if key not in mine and not (missing and missing(key))]
    new = [key for key in mine if key not in truth and not key.startswith("checkpoint")]
    for word, keys in (("differ", wrong), ("are lost", lacks), ("are too many", new)):
        if keys:
            raise LostError(f"{len(keys)} {word}, among them {', '.join(keys[:3])}")


def look(store: RunStore) -> None:
    """Everything that lists and shows runs, on all of them; raises LostError for no answer."""
    from core.catalogue import index
    from dashboard.live import feed
    from tests import routes

    ids = sorted(p.name for p in store.root.iterdir() if not p.name.startswith("."))
    listed = {run.id for run in store.list()} | set(store.unreadable())
    absent = [id for id in ids if id not in listed and (store.root / id / "config.json").exists()]
    if absent:
        raise LostError(f"{absent} is in no list")
    known = {entry.id for entry in index.entries(store)} | set(index.problems(store))
    if missing := listed - known:
        raise LostError(f"the pages do not list {missing}")
    for verb in (["list"], ["list", "--json"], *(["show", run.id] for run in store.list())):
        status, said = command("runs", *verb)
        if status not in (0, 2) or "Traceback" in said:
            raise LostError(f"runs {verb[0]} ends with {status}: {said[-200:]}")
    feed.FEEDS.clear()
    client = routes.client()
    query = f"runs={','.join(sorted(listed))}&metrics=loss/train,loss/validation"
    for route in (f"/api/live?{query}", f"/api/series?run={','.join(listed)}&metric=loss/train"):
        reply = client.get(route)
        if reply.status_code not in (200, 400, 404):
            raise LostError(f"{route} answers {reply.status_code}")
    for id in listed:
        for route in (f"/api/attention/{id}", f"/api/attention/{id}/5/scores"):
            if client.get(route).status_code not in (200, 400, 404):
                raise LostError(f"{route} answers {reply.status_code}")


def command(*arguments: str) -> tuple[int, str]:
    """The command line in this process: its status and what it said."""
    from core.__main__ import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = main(list(arguments))
        except SystemExit as error:
            status = int(error.code or 0)
    return status, said.getvalue()


def quiet() -> None:
    """Warnings of numbers are no faults."""
    warnings.filterwarnings("ignore")
    np.seterr(all="ignore")
