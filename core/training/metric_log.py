"""From measurements on the device to rows in the run's directory, one synchronisation a flush."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.metrics.segment import CADENCES, INSTRUMENTS
from core.metrics.writer import SeriesWriter
from core.probes.alarms import READ, Alarm, Event
from core.probes.gradients import split_columns
from core.runs import Run
from core.training.disk import Disk

Listener = Callable[[str, dict[str, np.ndarray]], object]  # a cadence and its rows
FLUSH_SECONDS = 0.25  # at most four flushes a second


class MetricLog:
    """Collects the rows of a run's start (a segment) and flushes them, beside the training."""

    def __init__(self, run: Run, first_step: int, alarms: list[Alarm], disk: Disk):
        self.run, self._disk = run, disk
        metrics = run.path / "metrics"
        numbers = [int(p.stem.rpartition("-")[2]) for p in metrics.glob("*.arrow")]
        self.segment = max(numbers, default=-1) + 1
        self._writers: dict[str, SeriesWriter] = {}
        self._alarms = alarms
        self._rows: list[dict[str, float]] = []
        self._tensors: list[Tensor] = []
        self._columns: dict[str, int] = {}
        self._flushed = 0.0
        self._step_seconds = 0.0
        self._listeners: list[Listener] = []
        self._remember(first_step)
        run.add_event("start", first_step, segment=self.segment)

    def _remember(self, first_step: int) -> None:
        """Show the alarms what an earlier start of this run saw; its events are written already."""
        if first_step == 0:
            return
        switched = sorted({s.step for s in self.run.switches if 0 < s.step < first_step})
        for begin, end in zip([0, *switched], [*switched, first_step], strict=True):
            if begin:
                self._forget()
            # Probes and evaluations before steps, as a run writes them.
            for cadence in ("probe", "step", "evaluation"):
                self._show(cadence, begin, end)

    def _show(self, cadence: str, begin: int, end: int) -> None:
        names = [n for n in self.run.cadence_metrics(cadence) if n.startswith(READ[cadence])]
        if not names:
            return
        rows = self.run.rows(cadence, names)
        keep = (rows.steps >= begin) & (rows.steps < end)
        if cadence == "evaluation":  # is compared with the steps before it: only the last fits
            keep &= rows.steps == rows.steps[keep].max(initial=-1)
        if keep.any():
            seen = {"step": rows.steps[keep], **{n: v[keep] for n, v in rows.columns.items()}}
            for alarm in self._alarms:
                alarm(seen, cadence)

    def _forget(self) -> None:
        for alarm in self._alarms:
            alarm.forget()

    def add(
        self, row: dict[str, float], device: Tensor, columns: dict[str, int], seconds: float
    ) -> None:
        """One step: numbers that are known, measurements still on the device, its time so far."""
        self._rows.append(row)
        self._tensors.append(device)
        self._columns = columns
        self._step_seconds += seconds

    def took(self, seconds: float) -> None:
        """Add the seconds that the last step went on after it was logged."""
        self._step_seconds += seconds

    @property
    def due(self) -> bool:
        """Whether it is time to flush: at once after the first step, then 4 times a second."""
        return time.perf_counter() - self._flushed >= FLUSH_SECONDS

    def flush(self, tokens_per_step: int) -> dict[str, np.ndarray] | None:
        """Write the collected rows and return them. Synchronises with the device, once."""
        self._flushed = time.perf_counter()
        if not self._rows:
            return None
        measured = torch.stack(self._tensors).cpu()  # the one synchronisation
        # GPU steps are only launched until here, so their time is known for the flush as a whole.
        speed = tokens_per_step * len(self._rows) / max(self._step_seconds, 1e-9)
        rows: dict[str, np.ndarray] = {
            name: np.array([row[name] for row in self._rows]) for name in self._rows[0]
        }
        rows["tokens_per_second"] = np.full(len(self._rows), speed)
        for name, values in split_columns(self._columns, measured).items():
            rows[name] = values.numpy()
        self._rows, self._tensors, self._step_seconds = [], [], 0.0
        self._written("step", rows)
        return rows

    def _written(self, cadence: str, rows: dict[str, np.ndarray]) -> None:
        """Write rows and the events that alarms find in them."""
        self.write(cadence, rows)
        for alarm in self._alarms:
            for event in alarm(rows, cadence):
                self.event(event)

    def write(self, cadence: str, rows: dict[str, np.ndarray]) -> None:
        """Append rows of a cadence, in one batch, once all before them is written."""
        assert cadence in (*CADENCES, *INSTRUMENTS)
        for listener in self._listeners:
            listener(cadence, rows)
        size = sum(values.nbytes for values in rows.values())
        self._disk.later(partial(self._append, cadence, self.segment, rows), size)

    def listen(self, listener: Listener) -> None:
        """Have rows told to somebody else too, as they are written."""
        self._listeners.append(listener)

    def _append(self, cadence: str, segment: int, rows: dict[str, np.ndarray]) -> None:
        if cadence not in self._writers:
            self._writers[cadence] = SeriesWriter(self.run.path / "metrics", cadence, segment)
        self._writers[cadence].write(rows)

    def one(self, cadence: str, step: int, seconds: float, values: dict[str, Any]) -> None:
        """Append a single row: scalars as (), per-layer values as (L,)."""
        arrays = {n: np.asarray(v, dtype=np.float32)[None] for n, v in values.items()}
        self._written(cadence, {"step": np.array([step]), "seconds": np.array([seconds]), **arrays})

    def event(self, event: Event) -> None:
        """Append an event, once all before it is written."""
        self._disk.later(partial(self.run.add_event, **event))

    def renew(self) -> None:
        """Go on in a new segment: layers were switched, what follows may have other columns."""
        self._forget()
        self._disk.now(self.close)
        self._writers = {}
        self.segment += 1

    def close(self) -> None:
        """End the segment's streams, when nothing waits to be written. Raises OSError."""
        for writer in self._writers.values():
            writer.close()
