"""Disks that are full, stalled, read-only or failing."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from typing import Any

from core.runs import Run, RunStore
from tests import mounts
from tests.faults import processes
from tests.faults.case import Case, SkippedError, sentence, take_up, went_on
from tests.faults.laboratory import (
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


def cases() -> list[Case]:
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
        compare(run, lab.truth())

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
        went_on(lab, store, run)

    _small_disk(lab, act)


def _stalled(lab: Laboratory, rng: random.Random) -> None:
    """At a flush of metrics, or at a status, snapshot or checkpoint that is written to the disk."""
    from core.metrics import writer

    where, name = rng.choice([(writer, "append_whole"), (os, "fsync")])
    real, left = getattr(where, name), [rng.randrange(1, 6)]

    def slow(*given: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            time.sleep(1)
        return real(*given)

    setattr(where, name, slow)
    with lab.store() as store:
        run = store.create(lab.config(), "trains")
        train(run)
        if left[0] > 0:
            raise LostError("it never stalled")
        compare(run, lab.truth())


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
        take_up(lab, store, run.name, "lock")

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
            sentence(run.record.message)
            take_up(lab, store, run.id, "lock")
        compare(run, lab.truth())
