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
from typing import Any, Literal, get_args

import numpy as np

from core.config import RunConfig
from core.jobs import forks
from core.metrics.segment import CADENCES
from core.runs import Run, RunStore
from core.runs.status import Order

TIMES = ("seconds", "tokens_per_second")  # no two runs have the same
STEPS, CHECKPOINTS, INTERRUPTED = 30, 10, 24
# The fork goes on from the whole run; somebody switches a layer of it by hand while it trains.
FORKED, FORK_STEPS, SWITCHED, FORK_INTERRUPTED = 20, 44, 4, 18
SWITCH = "0: residual=off"
Reference = Literal["whole", "killed", "fork", "fork killed"]
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
    """A control that does something when the trainer asks for the n-th time, or gives an order."""

    def __init__(self, acts: dict[int, Callable[[], object]] | None = None) -> None:
        self._acts = {n: [act] for n, act in (acts or {}).items()}
        self.asked, self.stopping = -1, False

    def also(self, n: int, act: Callable[[], object]) -> None:
        """Do this, too."""
        self._acts.setdefault(n, []).append(act)

    def commands(self) -> list[Order]:
        self.asked += 1
        done = [act() for act in self._acts.get(self.asked, [])]
        orders = [one for one in done if isinstance(one, Order)]
        return [Order("stop")] if self.stopping else orders

    def threads(self) -> int:
        return 1

    def leave(self) -> None:
        pass

    def enter(self) -> bool:
        return True

    def wait(self) -> None:
        time.sleep(0.02)


class Laboratory:
    """A folder of its own with runs of reference: one ended and one that was killed, and the same
    of a fork whose layers were switched by hand."""

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
        for name, steps in (("killed", INTERRUPTED), ("fork killed", FORK_INTERRUPTED)):
            whole, _ = self.pair(name == "fork killed")
            if train(*self.fresh(self.reference, whole, whole)) != "finished":
                raise RuntimeError("a run of reference does not finish")
            if whole == "whole":
                (self.folder / "seconds").write_text(str(time.monotonic() - began))
            killed, control = self.fresh(self.reference, whole, name)
            control.also(steps, lambda: os._exit(0))
            pid = os.fork()
            if not pid:
                train(killed, control)
                os._exit(1)
            os.waitpid(pid, 0)

    def pair(self, forked: bool) -> tuple[Reference, Reference]:
        """The uninterrupted run and the one that was killed."""
        return ("fork", "fork killed") if forked else ("whole", "killed")

    def polls(self, like: Reference) -> int:
        """How many steps such a run trains."""
        return FORK_STEPS - FORKED if like == "fork" else STEPS

    def fresh(self, store: RunStore, like: Reference, name: str = "trains") -> tuple[Run, At]:
        """A new run like one of reference, and the control that makes it so."""
        if like != "fork":
            return store.create(self.config(), name), At()
        parent = self.named("whole")
        if not (store.root / parent.id).exists():
            shutil.copytree(parent.path, store.root / parent.id)
        point = forks.point(Run(store.root / parent.id), FORKED)
        config = point.settings({"training.steps": FORK_STEPS})
        made = store.create(config, name, point)
        return made, At({SWITCHED: lambda: Order("switch", SWITCH)})

    def named(self, name: str) -> Run:
        return next(run for run in self.reference.list() if run.name == name)

    def truth(self, like: Reference = "whole") -> dict[str, Any]:
        """What a run of reference has: the uninterrupted ones are what the others must become."""
        if like not in self._truths:
            self._truths[like] = content(self.named(like))
        return self._truths[like]

    @cached_property
    def _truths(self) -> dict[str, dict[str, Any]]:
        return {}

    def known(self) -> None:
        """Read all of it once, before cases are forked."""
        self.seconds  # noqa: B018
        for like in get_args(Reference):
            self.truth(like)

    @contextlib.contextmanager
    def store(self, *copies: Reference) -> Iterator[RunStore]:
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
        """The copies of references in a store, in the order in which they were asked for."""
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

    there = [p for p in store.root.iterdir() if p.is_dir() and not p.name.startswith(".")]
    ids = sorted(p.name for p in there)
    listed = {run.id for run in store.list()} | set(store.unreadable())
    absent = [id for id in ids if id not in listed]
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
