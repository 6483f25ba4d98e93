"""Two runs at once against the better of one alone with one and with two threads.

The workers share the processor through the registry of places: with default threads two torch
programs reach 0.42 of one's speed.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time

import numpy as np

from core import presets
from core.config import RunConfig
from core.jobs import enqueue
from core.jobs.launcher import standby_lock
from core.machine import cores
from core.runs import Run, RunStore
from core.runs.locks import is_locked

STEPS = 240


def config(threads: int | str) -> RunConfig:
    """nanoGPT's published CPU setting on the embedded corpus, with default probes."""
    base = presets.load("nanogpt-cpu").config.flat()
    return RunConfig.from_flat(
        {
            **base,
            "data.corpus": "python-reference",
            "training.steps": STEPS,
            "training.evaluate_every": 0,
            "training.checkpoint_every": 0,
            "training.threads": threads,
        },
        name=f"{threads} threads",
    )


def measure() -> dict[str, float]:
    """Tokens per second of each arrangement, and the ratio that the budget is about."""
    alone = {n: speed_of([config(n)]) for n in sorted({1, cores()})}
    together = speed_of([config("auto"), config("auto")])
    best = max(alone.values())
    return {
        **{f"alone, {n} threads": speed for n, speed in alone.items()},
        "two at once": together,
        "ratio": together / best,
    }


def speed_of(configs: list[RunConfig]) -> float:
    """The sum of the runs' tokens per second while all of them train."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        store = RunStore(folder + "/runs")
        runs = [enqueue(store, c) for c in configs]
        try:
            while any(r.status not in ("finished", "failed") for r in runs):
                time.sleep(0.1)
        finally:
            _end(store, runs)
        return _overlap(runs)


def _overlap(runs: list[Run]) -> float:
    """Tokens per wall second in the time in which every run was past its first tenth."""
    spans = []
    for run in runs:
        rows = run.rows("step", ["seconds"])
        started = (run.path / "config.json").stat().st_mtime
        ended = (run.path / "status.json").stat().st_mtime
        seconds = rows.columns["seconds"]
        offset = ended - seconds[-1]  # wall time of the run's clock zero
        assert offset >= started
        spans.append((seconds + offset, run.config))
    begin = max(np.quantile(t, 0.1) for t, _ in spans)
    end = min(t[-1] for t, _ in spans)
    tokens = sum(
        int(((t >= begin) & (t < end)).sum()) * c.training.batch_size * c.model.context
        for t, c in spans
    )
    return float(tokens / (end - begin))


def _end(store: RunStore, runs: list[Run]) -> None:
    for lock in [*(r.path / "lock" for r in runs), standby_lock(store), standby_lock(store)]:
        if is_locked(lock):
            os.kill(int(lock.read_text()), signal.SIGKILL)
            time.sleep(0.2)
