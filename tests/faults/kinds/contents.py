"""Numbers that are none, words where numbers belong, and far too much of it."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from core import jobs
from core.runs import Run
from tests.faults.case import Case
from tests.faults.laboratory import INTERRUPTED, Laboratory, compare, look, train


def cases() -> list[Case]:
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
        compare(whole, lab.truth())
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
