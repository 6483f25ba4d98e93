"""What was appended to a cadence since the last look, for readers that keep no rows themselves."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.metrics.downsample import Steps
from core.metrics.series import SegmentFile, joined

SETTLED = 0.05  # seconds: a folder's time stamp tells changes apart only this far


@dataclass(frozen=True)
class Appended:
    """New rows of one cadence; `anew` says that they are all rows and older ones are void."""

    steps: Steps
    columns: dict[str, NDArray[np.generic]]
    anew: bool


class Folder:
    """The segments of a run's metrics, listed again only when the folder changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = 0
        self._segments: dict[str, list[int]] = {}

    def segments(self, cadence: str) -> list[int]:
        """The numbers of a cadence's segments, in order."""
        try:
            stamp = os.stat(self.path).st_mtime_ns
        except OSError:
            return []
        if stamp != self._stamp:
            found: dict[str, list[int]] = {}
            for name in sorted(os.listdir(self.path)):
                stem, _, kind = name.partition(".")
                start, _, number = stem.rpartition("-")
                if kind == "arrow" and number.isdecimal():
                    found.setdefault(start, []).append(int(number))
            self._segments = found
            self._stamp = stamp if time.time() - stamp / 1e9 > SETTLED else 0
        return self._segments.get(cadence, [])


class Tail:
    """Reads some columns of one cadence as it grows. A later segment makes it start anew.

    `firsts` gives each segment's first step, `segment` is the newest that has rows.
    """

    def __init__(self, folder: Folder, cadence: str, names: list[str]) -> None:
        self.folder, self.cadence, self.names = folder, cadence, names
        self.firsts: dict[int, int] = {}
        self.segment = -1
        self._file: SegmentFile | None = None
        self._known: list[int] = []
        self._widths: dict[str, int] = {}

    @property
    def place(self) -> tuple[int, int]:
        """How far it has read; tails of one cadence at one place can be joined."""
        return self.segment, self._file.rows if self._file else 0

    def join(self, other: Tail) -> None:
        """Read the other's columns too; it stands at the same place and is read no more."""
        self.names = list(dict.fromkeys([*self.names, *other.names]))
        self._widths |= other._widths

    def read(self) -> Appended | None:
        """What is new, or None when nothing is."""
        numbers = self.folder.segments(self.cadence)
        if numbers != self._known:
            return self._read_all(numbers)
        file = self._file
        if file is None or not file.changed():
            return None
        if not file.rows and len(numbers) > 1:
            return self._read_all(numbers)  # its first rows cut the segment before
        known = file.rows if file.replaced else 0
        if file.replaced:
            file.restart()
        steps, columns = self._rows(file, known)
        if not len(steps):
            return None
        self._note(numbers[-1], int(steps[0]))
        return Appended(steps, columns, anew=False)

    def _read_all(self, numbers: list[int]) -> Appended:
        self._known, self.firsts, self.segment, self._file = numbers, {}, -1, None
        parts = []
        limit = np.iinfo(np.int64).max
        # Backwards, so that each segment is cut where the first later one begins.
        for number in reversed(numbers):
            path = self.folder.path / f"{self.cadence}-{number:04d}.arrow"
            file = SegmentFile(path)
            file.changed()
            steps, columns = self._rows(file, 0)
            self._file = self._file or file
            if len(steps):
                keep = int(np.searchsorted(steps, limit))
                parts.append((steps[:keep], {n: v[:keep] for n, v in columns.items()}))
                self._note(number, int(steps[0]))
                limit = min(limit, int(steps[0]))
        parts.reverse()
        whole = {n: joined([columns[n] for _, columns in parts]) for n in self.names}
        self._widths = {n: v.shape[1] for n, v in whole.items() if v.ndim == 2}
        every = np.concatenate([np.zeros(0, np.int64), *(steps for steps, _ in parts)])
        return Appended(every, whole, anew=True)

    def _note(self, number: int, first: int) -> None:
        self.firsts.setdefault(number, first)
        self.segment = max(self.segment, number)

    def _rows(self, file: SegmentFile, known: int) -> tuple[Steps, dict[str, NDArray[np.generic]]]:
        """New rows of a file, of which the first `known` were given out before."""
        found = file.read(["step", *self.names])
        if "step" not in found:
            return np.zeros(0, np.int64), {}
        steps = np.concatenate(found["step"]).astype(np.int64)[known:]
        return steps, {n: self._column(found.get(n), n, known, len(steps)) for n in self.names}

    def _column(
        self, parts: list[NDArray[np.generic]] | None, name: str, known: int, rows: int
    ) -> NDArray[np.generic]:
        if parts:
            return np.concatenate(parts)[known:]
        width = self._widths.get(name)
        return np.full((rows, width) if width else rows, np.nan, dtype=np.float32)
