"""Rows of metrics that come when another loop has them: each metric with steps of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.metrics.foreign import cadence_of
from core.metrics.writer import SeriesWriter

MOST_ROWS = 1_000_000  # of one metric that wait for a disk


class RowWriter:
    """Collects values and appends them to one file for each metric.

    Of two values of one step the later one counts, and a step that lies before the last one
    begins a new segment, after which the older rows from there on are void: as where a loop goes
    on from a checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[str, dict[int, tuple[float, Any]]] = {}
        self._writers: dict[str, SeriesWriter] = {}
        self._segments: dict[str, int] = {}
        self._last: dict[str, int] = {}  # step that is on the disk
        self._widths: dict[str, int] = {}

    def add(self, metric: str, step: int, seconds: float, value: Any) -> None:
        """Keep one value, a number or (L,), for the next flush."""
        rows = self._waiting.setdefault(metric, {})
        if rows and step < next(reversed(rows)):
            for later in [one for one in rows if one >= step]:
                del rows[later]
        rows.pop(step, None)
        if len(rows) < MOST_ROWS:
            rows[step] = (seconds, value)

    def flush(self) -> None:
        """Write what was added. Raises OSError, and then what is not on the disk still waits."""
        for metric in list(self._waiting):
            rows = self._waiting[metric]
            if rows:
                self._write(metric, rows)
                rows.clear()

    def _write(self, metric: str, rows: dict[int, tuple[float, Any]]) -> None:
        values = _host([value for _, value in rows.values()])
        width = max(one.shape[0] if one.ndim else 0 for one in values)
        steps = np.fromiter(rows, np.int64, len(rows))
        begins = int(steps[0]) <= self._last.get(metric, -1)
        if metric not in self._writers or begins or width != self._widths[metric]:
            self._begin(metric, width)
        columns = {
            "step": steps,
            "seconds": np.array([seconds for seconds, _ in rows.values()]),
            metric: np.stack([_wide(one, width) for one in values]),
        }
        self._writers[metric].write(columns)
        self._last[metric] = int(steps[-1])

    def _begin(self, metric: str, width: int) -> None:
        if metric in self._writers:
            self._writers.pop(metric).close()
        segment = self._segments.get(metric, -1) + 1
        self._segments[metric], self._widths[metric] = segment, width
        self._writers[metric] = SeriesWriter(self._folder, cadence_of(metric), segment)

    def close(self) -> None:
        """End all files. Raises OSError."""
        for writer in self._writers.values():
            writer.close()


def _host(values: list[Any]) -> list[np.ndarray]:
    """Values that may lie on another device, as float32: copied at once where they are alike."""
    first = values[0]
    alike = all(hasattr(one, "detach") and one.shape == first.shape and one.device == first.device
                for one in values)  # fmt: skip
    if alike:
        import torch

        return list(torch.stack([one.detach().float() for one in values]).cpu().numpy())
    return [
        np.asarray(one.detach().float().cpu() if hasattr(one, "detach") else one, dtype=np.float32)
        for one in values
    ]


def _wide(value: np.ndarray, width: int) -> np.ndarray:
    """A vector of `width` numbers, NaN where it has fewer; a number where the width is 0."""
    if not width:
        return value
    whole = np.full(width, np.nan, dtype=np.float32)
    whole[: value.size] = value.reshape(-1)
    return whole
