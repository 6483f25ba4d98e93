"""Several runs at once, as the queue trains them, and how soon one that is started shows itself.

The workers share the processor through the registry of places; the runs of a measurement have a
registry and a folder of their own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from core.bench.settings import changed
from core.config import RunConfig
from core.jobs import enqueue
from core.jobs.launcher import standby_lock
from core.jobs.processes import STANDBY, ensure
from core.language import Message
from core.machine import cores, slots
from core.runs import Run, RunError, RunStore
from core.runs.locks import is_locked

WARM_SECONDS = 8.0  # until a standby has read torch and made its first network


def at_once(config: RunConfig, numbers: Sequence[int]) -> dict[str, float]:
    """Tokens per second of one run alone, with one thread and with every core's, and of so many
    runs at once, together. Raises RunError where a run fails."""
    alone = {f"alone, {n} threads": speed_of([config], n) for n in sorted({1, cores()})}
    together = {f"{n} at once": speed_of([config] * n, "auto") for n in numbers}
    return {**alone, **together}


def gains(measured: dict[str, float]) -> dict[str, float]:
    """Of each number of runs at once, their speed against the better single run."""
    best = max(speed for name, speed in measured.items() if name.startswith("alone"))
    return {n: speed / best for n, speed in measured.items() if not n.startswith("alone")}


def speed_of(configs: Sequence[RunConfig], threads: int | str) -> float:
    """The sum of the runs' tokens per second while all of them train. Raises RunError."""
    with _folder() as store:
        made = [changed(config, training__threads=threads) for config in configs]
        runs = [enqueue(store, config) for config in made]
        _until_done(runs)
        return _overlap(runs)


def first_point(config: RunConfig) -> float:
    """Seconds from the moment at which a run is queued until its first point can be read, where a
    worker waits for it. Raises RunError."""
    with _folder() as store:
        ensure(STANDBY, store.root)
        time.sleep(WARM_SECONDS)
        started = time.perf_counter()
        run = enqueue(store, config)
        while not len(run.rows("step", ()).steps):
            if run.status in ("failed", "out_of_memory"):
                raise RunError(run.record.message)
            time.sleep(0.005)
        took = time.perf_counter() - started
        run.send("stop")
        _until_done([run])
        return took


@contextlib.contextmanager
def _folder() -> Iterator[RunStore]:
    """An empty runs folder and a registry of its own; its processes are ended with it."""
    before = os.environ.get("XDG_RUNTIME_DIR")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        store = RunStore(Path(folder) / "runs")
        try:
            yield store
        finally:
            _end(store)
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before


def _until_done(runs: Sequence[Run]) -> None:
    while any(run.status not in ("finished", "stopped") for run in runs):
        for run in runs:
            record = run.record
            if record.state in ("failed", "out_of_memory", "diverged", "interrupted"):
                raise RunError(
                    Message(
                        "a run of the measurement is {state}: {why}",
                        state=record.state,
                        why=record.message,
                    )
                )
        time.sleep(0.05)


def _overlap(runs: Sequence[Run]) -> float:
    """Tokens per wall second while as many train as there are slots for, past the first tenth of
    the first ones."""
    spans = []
    for run in runs:
        seconds = run.rows("step", ["seconds"]).columns["seconds"]
        ended = (run.path / "status.json").stat().st_mtime
        spans.append((seconds + (ended - seconds[-1]), run.config))  # as wall time
    together = min(len(runs), slots("cpu"))
    begin = sorted(np.quantile(times, 0.1) for times, _ in spans)[together - 1]
    end = sorted(times[-1] for times, _ in spans)[len(runs) - together]
    if end <= begin:
        raise RunError(
            Message("the runs did not train at the same time: give --chunk a larger number")
        )
    tokens = sum(
        int(((times >= begin) & (times < end)).sum()) * config.tokens_per_step
        for times, config in spans
    )
    return float(tokens / (end - begin))


def _end(store: RunStore) -> None:
    """End the workers of the folder, by the pids in the locks that they hold."""
    for _ in range(20):
        held = [
            lock
            for lock in (*(run.path / "lock" for run in store.list()), standby_lock(store))
            if is_locked(lock)
        ]
        if not held:
            return
        for lock in held:
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(lock.read_text()), signal.SIGKILL)
        time.sleep(0.1)
