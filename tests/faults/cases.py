"""What is tried: each case harms a folder of runs in one way and says what must have survived."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import jobs
from core.jobs import launcher
from core.runs import Run, RunError, RunStore
from tests import mounts
from tests.faults import damage, processes
from tests.faults.laboratory import (
    INTERRUPTED,
    STEPS,
    At,
    Laboratory,
    LostError,
    command,
    compare,
    content,
    look,
    train,
)

FILES = (
    *("config.json", "status.json", "meta.json", "corpus.json", "tokenizer.json", "events.jsonl"),
    *("lock", "metrics/step-0000.arrow", "metrics/probe-0000.arrow"),
    *("metrics/evaluation-0000.arrow", "snapshots/attention-000000005.npy"),
    *(
        f"checkpoints/step-000000020{end}"
        for end in (".json", ".safetensors", ".state.safetensors")
    ),
)
SMALL = ("config.json", "status.json", "meta.json", "corpus.json", "tokenizer.json")


class SkippedError(Exception):
    """This machine does not allow it; the sentence says what."""


@dataclass(frozen=True)
class Case:
    """One fault at one moment. `act` raises LostError, or SkippedError."""

    fault: str
    what: str
    act: Callable[[Laboratory, random.Random], None]


def every(rng: random.Random) -> Iterator[list[Case]]:
    """All cases, family by family, each in a random order."""
    for family in (files(), signals(), disks(), crowds(), schemas(), contents()):
        rng.shuffle(family)
        yield family


# Files of a run's directory


def files() -> list[Case]:
    """Each file, harmed in each way, at each moment."""
    return [
        Case(f"a file {way}, while {moment}", name, _on(act, way, name))
        for way in damage.WAYS
        for name in FILES
        for moment, act in (
            ("viewing", _viewing),
            ("resuming", _resuming),
            ("training", _training),
        )
    ]


def _on(
    act: Callable[[Laboratory, random.Random, str, str], None], way: str, name: str
) -> Callable[[Laboratory, random.Random], None]:
    return lambda lab, rng: act(lab, rng, way, name)


def _harm(run: Run, rng: random.Random, way: str, name: str) -> None:
    if way == "made unreadable":
        processes.become_nobody(run.path.parent)
    path = run.path / name
    if path.is_file():
        damage.WAYS[way](path, rng)


def _viewing(lab: Laboratory, rng: random.Random, way: str, name: str) -> None:
    with lab.store("whole", "killed") as store:
        whole, bad = lab.copies(store)
        look(store)
        _harm(bad, rng, way, name)
        look(store)
        compare(whole, lab.truth)


def _resuming(lab: Laboratory, rng: random.Random, way: str, name: str) -> None:
    with lab.store("killed") as store:
        [run] = lab.copies(store)
        _harm(run, rng, way, name)
        _resume(lab, store, run.id, name)


def _training(lab: Laboratory, rng: random.Random, way: str, name: str) -> None:
    with lab.store() as store:
        run = store.create(lab.config(), "trains")
        at = rng.randrange(1, STEPS)
        state = train(run, At({at: lambda: _harm(run, rng, way, name)}))
        look(store)
        _sound(lab, store, run.id, state, name)


def _resume(lab: Laboratory, store: RunStore, id: str, harmed: str) -> None:
    """Take a run up again as a user would; it ends as it would have, or says why it can't."""
    look(store)
    try:
        run = RunStore(store.root).open(id)
        run.config  # noqa: B018
        jobs.control(store, run, "resume")
    except (RunError, OSError) as error:
        _sentence(str(error))
        return
    state = train(run)
    look(store)
    _sound(lab, store, id, state, harmed)


def _sound(lab: Laboratory, store: RunStore, id: str, state: str, harmed: str) -> None:
    """Nothing is gone but what the harmed file alone had, and no number is another."""
    run = Run(store.root / id)
    if state == "failed":
        _sentence(run.record.message)
    elif state != "finished":
        raise LostError(f"it is {state}: {run.record.message}")
    try:
        run.config  # noqa: B018
    except RunError as error:
        _sentence(str(error))
        return
    own = _own(harmed)
    compare(run, lab.truth, missing=lambda key: state == "failed" or key.startswith(own), own=own)


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


def _sentence(text: str) -> None:
    if not text or "Error:" in text or "Traceback" in text or "\n" in text.strip():
        raise LostError(f"no sentence for people: {text!r}")


# Signals


def signals() -> list[Case]:
    """Each process, ended or halted at a random moment."""
    kinds = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGSTOP": signal.SIGSTOP}
    whom: dict[str, Callable[[Laboratory, random.Random, int], None]] = {
        "worker": _worker,
        "standby": _standby,
        "inspector": _inspector,
        "server": _server,
        "command line": _command_line,
    }
    return [
        Case(
            f"{name}{' and SIGCONT' if name == 'SIGSTOP' else ''} to the {process}",
            f"try {n}",
            lambda lab, rng, act=act, number=number: act(lab, rng, number),
        )
        for name, number in kinds.items()
        for process, act in whom.items()
        for n in range(12 if process == "worker" else 4)
    ]


def _worker(lab: Laboratory, rng: random.Random, number: int) -> None:
    with lab.store() as store:
        run = store.create(lab.config(), "trains")
        pid = processes.start(lambda: processes.worker(run))
        processes.wait_for(lambda: run.status != "queued")
        processes.hit(pid, number, rng.uniform(0, lab.seconds))
        _went_on(lab, store, run)


def _went_on(lab: Laboratory, store: RunStore, run: Run) -> None:
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
    compare(run, lab.truth)
    look(store)


def _standby(lab: Laboratory, rng: random.Random, number: int) -> None:
    with lab.store() as store:
        runs = [launcher.add(store, lab.config(), f"queued {n}") for n in range(2)]
        pid = processes.start(lambda: processes.standby(store))
        processes.hit(pid, number, rng.uniform(0, 3 * lab.seconds))
        for _ in range(3):  # a run that was under way when its worker ended waits for a user
            for run in runs:
                if run.status in ("interrupted", "stopped"):
                    jobs.control(store, run, "resume")
            if all(run.status == "finished" for run in runs):
                break
            processes.end(processes.start(lambda: processes.standby(store)))
        for run in runs:
            if run.status != "finished":
                raise LostError(f"{run.name} is {run.status}: {run.record.message}")
            compare(run, lab.truth)
        look(store)


def _inspector(lab: Laboratory, rng: random.Random, number: int) -> None:
    from core.jobs import inspections

    with lab.store("whole") as store:
        [run] = lab.copies(store)
        for n in range(3):
            question = inspections.ask(store, run, "attention")
            pid = processes.start(lambda: processes.inspector(store))
            if n:
                ended = lambda asked=question: asked.state in inspections.ENDED  # noqa: E731
                processes.wait_for(ended)
            processes.hit(pid, signal.SIGKILL if n else number, 0 if n else rng.uniform(0, 1))
            if question.state == "done":
                break
        else:
            raise LostError(f"the question is {question.record}")
        compare(run, lab.truth)
        look(store)


def _server(lab: Laboratory, rng: random.Random, number: int) -> None:
    with lab.store("whole") as store:
        run = store.create(lab.config(), "trains")
        socket = processes.listen()
        server = processes.start(lambda: processes.server(socket))
        worker = processes.start(lambda: processes.worker(run))
        processes.get(socket, f"/api/live?runs={run.id}&metrics=loss/train")
        processes.hit(server, number, rng.uniform(0, lab.seconds), finish=False)
        again = processes.start(lambda: processes.server(socket))
        processes.end(worker)
        reply = processes.get(socket, f"/api/series?run={run.id}&metric=loss/train")
        processes.hit(again, signal.SIGKILL, 0)
        if f'"{run.id}"' not in reply and "loss" not in reply and len(reply) < 100:
            raise LostError(f"the server says {reply[:100]}")
        compare(run, lab.truth)


def _command_line(lab: Laboratory, rng: random.Random, number: int) -> None:
    with lab.store() as store:
        asked = [f"--{name}={value}" for name, value in lab.settings.items()]
        pid = processes.start(lambda: command("train", *asked))
        processes.wait_for(lambda: store.list())
        [run] = store.list()
        processes.wait_for(lambda: run.status not in ("queued", "starting"))
        processes.hit(pid, number, rng.uniform(0, lab.seconds))
        _went_on(lab, store, run)


# Disks


def disks() -> list[Case]:
    """Full, stalled, read-only and failing ones."""
    kinds: dict[str, Callable[[Laboratory, random.Random], None]] = {
        "a full disk that gets room again": _full,
        "a full disk and SIGTERM": _full_and_ended,
        "a full disk and SIGKILL": _full_and_killed,
        "a disk that stalls": _stalled,
        "a disk that can only be read": _read_only,
        "a disk that fails once (EIO)": _fails,
    }
    return [Case(name, f"try {n}", act) for name, act in kinds.items() for n in range(8)]


def _small_disk(lab: Laboratory, act: Callable[[mounts.Small, RunStore], None]) -> None:
    with lab.store() as store:
        try:
            with mounts.small(store.root / "disk") as disk:
                act(disk, RunStore(disk.path))
        except OSError as error:
            raise SkippedError(f"no file system can be mounted: {error}") from error


def _full(lab: Laboratory, rng: random.Random) -> None:
    def act(disk: mounts.Small, store: RunStore) -> None:
        run = store.create(lab.config(), "trains")
        control = At({rng.randrange(STEPS): disk.fill})
        words: list[str] = []

        def wait() -> None:
            words.append(f"{run.status}: {run.record.message}")
            time.sleep(0.02)
            if len(words) == 3:
                look(store)
                disk.free()

        control.wait = wait  # type: ignore[method-assign]
        if train(run, control) != "finished":
            raise LostError(f"it is {run.status}: {run.record.message}")
        if words and not all("paused: the disk is full" in one for one in words):
            raise LostError(f"it says {set(words)}")
        compare(run, lab.truth)

    _small_disk(lab, act)


def _full_and_ended(lab: Laboratory, rng: random.Random) -> None:
    _full_until(lab, rng, signal.SIGTERM)


def _full_and_killed(lab: Laboratory, rng: random.Random) -> None:
    _full_until(lab, rng, signal.SIGKILL)


def _full_until(lab: Laboratory, rng: random.Random, number: int) -> None:
    def act(disk: mounts.Small, store: RunStore) -> None:
        run = store.create(lab.config(), "trains")
        pid = processes.start(lambda: processes.worker(run))
        processes.wait_for(lambda: run.status != "queued")
        time.sleep(rng.uniform(0, lab.seconds / 2))
        disk.fill()
        processes.hit(pid, number, rng.uniform(0, 0.5))
        look(store)
        disk.free()
        _went_on(lab, store, run)

    _small_disk(lab, act)


def _stalled(lab: Laboratory, rng: random.Random) -> None:
    from core.metrics import writer

    real, left = writer.append_whole, [rng.randrange(1, 6)]

    def slow(descriptor: int, data: bytes) -> None:
        left[0] -= 1
        if not left[0]:
            time.sleep(1)
        real(descriptor, data)

    writer.append_whole = slow
    with lab.store() as store:
        run = store.create(lab.config(), "trains")
        train(run)
        compare(run, lab.truth)


def _read_only(lab: Laboratory, rng: random.Random) -> None:
    def act(disk: mounts.Small, store: RunStore) -> None:
        run = store.root / lab.named("killed").id
        shutil.copytree(lab.named("killed").path, run)
        before = content(Run(run))
        disk.read_only()
        look(store)
        for verb in ("resume", "stop", "delete"):
            status, said = command("runs", verb, run.name)
            if status != 2 or "Traceback" in said:
                raise LostError(f"runs {verb} ends with {status}: {said}")
        disk.read_only(False)
        if content(Run(run)) != before:
            raise LostError("the run is another")
        _resume(lab, store, run.name, "lock")

    _small_disk(lab, act)


def _fails(lab: Laboratory, rng: random.Random) -> None:
    from core.metrics.writer import SeriesWriter

    real, left = SeriesWriter.write, [rng.randrange(1, 8)]

    def write(self: SeriesWriter, columns: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise OSError(errno.EIO, "Input/output error", str(self.path))
        real(self, columns)

    SeriesWriter.write = write  # type: ignore[method-assign]
    with lab.store() as store:
        run = store.create(lab.config(), "trains")
        state = train(run)
        if state == "failed":
            _sentence(run.record.message)
            _resume(lab, store, run.id, "lock")
        compare(run, lab.truth)


# Two of everything


def crowds() -> list[Case]:
    """Two that do the same at the same time."""
    kinds = {
        "two workers on one run": _two_workers,
        "two standbys in one folder": _two_standbys,
        "two commands at once": _two_commands,
    }
    return [Case(name, f"try {n}", act) for name, act in kinds.items() for n in range(6)]


def _two_workers(lab: Laboratory, rng: random.Random) -> None:
    with lab.store() as store:
        run = store.create(lab.config(), "trains")
        pids = [processes.start(lambda: processes.worker(run)) for _ in range(2)]
        if rng.random() < 0.5:
            processes.wait_for(lambda: run.alive or run.status == "finished")
            (run.path / "lock").unlink(missing_ok=True)
        pids.append(processes.start(lambda: processes.worker(run)))
        for pid in pids:
            processes.end(pid)
        starts = [e for e in run.events if e["kind"] == "start"]
        if len(starts) > 1:
            raise LostError(f"{len(starts)} workers trained the run")
        compare(run, lab.truth)


def _two_standbys(lab: Laboratory, rng: random.Random) -> None:
    with lab.store() as store:
        runs = [launcher.add(store, lab.config(), f"queued {n}") for n in range(2)]
        first = processes.start(lambda: processes.standby(store))
        time.sleep(rng.uniform(0, 0.3))
        if rng.random() < 0.5:
            launcher.standby_lock(store).unlink(missing_ok=True)
        second = processes.start(lambda: processes.standby(store))
        processes.wait_for(lambda: all(run.status == "finished" for run in runs))
        for pid in (first, second):
            processes.hit(pid, signal.SIGKILL, 0)
        for run in runs:
            compare(run, lab.truth)
            if sum(e["kind"] == "start" for e in run.events) != 1:
                raise LostError("a run was trained twice")
        look(store)


def _two_commands(lab: Laboratory, rng: random.Random) -> None:
    with lab.store("killed", "whole") as store:
        killed, whole = lab.copies(store)
        verb, run = rng.choice([("resume", killed), ("delete", whole), ("stop", killed)])
        pids = [processes.start(lambda: _says(verb, run.id)) for _ in range(2)]
        for pid in pids:
            if processes.end(pid):
                raise LostError(f"runs {verb} has no sentence")
        look(store)
        if verb == "resume" and train(killed) == "finished":
            compare(killed, lab.truth)
        if verb == "delete":
            compare(store.restore(whole.id), lab.truth)


def _says(verb: str, id: str) -> None:
    status, said = command("runs", verb, id)
    os._exit(0 if status in (0, 2) and "Traceback" not in said else 1)


# Schemas


def schemas() -> list[Case]:
    """Files of a later release, and of one that wrote no schema."""
    return [
        *(Case("a file of a later release", name, _on_schema(_newer, name)) for name in SMALL),
        *(Case("a file of an earlier release", name, _on_schema(_older, name)) for name in SMALL),
    ]


def _on_schema(
    act: Callable[[Laboratory, str], None], name: str
) -> Callable[[Laboratory, random.Random], None]:
    return lambda lab, rng: act(lab, name)


def _newer(lab: Laboratory, name: str) -> None:
    with lab.store("killed", "whole") as store:
        killed, whole = lab.copies(store)
        path = killed.path / name
        path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))
        before = path.read_bytes()
        look(store)
        status, said = command("runs", "resume", killed.id)
        if status != 2 or "schema" not in said:
            raise LostError(f"it is taken up all the same: {said}")
        if path.read_bytes() != before:
            raise LostError("it was overwritten")
        compare(whole, lab.truth)


def _older(lab: Laboratory, name: str) -> None:
    with lab.store("killed") as store:
        [run] = lab.copies(store)
        path = run.path / name
        kept = {k: v for k, v in json.loads(path.read_text()).items() if k != "schema"}
        path.write_text(json.dumps(kept))
        _resume(lab, store, run.id, "lock")


# Contents


def contents() -> list[Case]:
    """Numbers that are none, words where numbers belong, and far too much of it."""
    kinds: dict[str, Callable[[Run], None]] = {
        "NaN and infinite metrics": _not_finite,
        "metrics of other types": _mistyped,
        "10 MB of metrics": _large_metrics,
        "10 MB of events": _large_events,
        "events of other types": _mistyped_events,
    }
    return [
        Case(name, f"try {n}", lambda lab, rng, write=write: _holds(lab, write))
        for name, write in kinds.items()
        for n in range(3)
    ]


def _holds(lab: Laboratory, write: Callable[[Run], None]) -> None:
    with lab.store("killed", "whole") as store:
        killed, whole = lab.copies(store)
        write(killed)
        look(store)
        compare(whole, lab.truth)
        jobs.control(store, killed, "resume")
        if train(killed) == "finished":
            look(store)


def _segment(run: Run, columns: dict[str, np.ndarray]) -> None:
    from core.metrics.writer import SeriesWriter

    writer = SeriesWriter(run.path / "metrics", "step", 1)
    writer.write(columns)
    writer.close()


def _not_finite(run: Run) -> None:
    steps = np.arange(INTERRUPTED, INTERRUPTED + 3)
    values = np.array([np.nan, np.inf, -np.inf])
    _segment(run, {"step": steps, "seconds": steps / 10, "loss/train": values})


def _mistyped(run: Run) -> None:
    import pyarrow as pa

    table = pa.table({"step": ["a", "b"], "seconds": [None, 1.5], "loss/train": [[1], [2, 3]]})
    with pa.ipc.new_stream(run.path / "metrics" / "step-0001.arrow", table.schema) as stream:
        stream.write_table(table)


def _large_metrics(run: Run) -> None:
    steps = np.arange(INTERRUPTED, INTERRUPTED + 600_000)
    values = np.ones(len(steps))
    _segment(run, {"step": steps, "seconds": steps / 10, "loss/train": values})


def _large_events(run: Run) -> None:
    with open(run.path / "events.jsonl", "a") as file:
        line = json.dumps({"kind": "alarm", "step": 3, "text": "x" * 1000, "level": "warning"})
        file.write(f"{line}\n" * 10_000)


def _mistyped_events(run: Run) -> None:
    with open(run.path / "events.jsonl", "a") as file:
        for step in ("1", None, [], {}, 1e300, True, -5):
            file.write(json.dumps({"kind": "alarm", "step": step, "text": 5}) + "\n")
        file.write("null\n[]\n5\n{\n")
