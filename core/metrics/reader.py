"""Metrics of a run as they grow, over all its segments. After a resume the later segment wins from
its first step. A reader keeps its place and no rows: who reads anew reads from the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.cache import Cache
from core.files import Signature, names_stamp
from core.language import Message
from core.metrics.derived import BITS_PER_BYTE, Sources, sources
from core.metrics.downsample import Steps
from core.metrics.segment import CADENCES, SegmentFile, file_name, is_newer, read_schema

DERIVED = {BITS_PER_BYTE}
Columns = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Rows:
    """Rows of one cadence; `anew` says that they are all rows and older ones are void.

    A column is an array of shape (n,) or (n, L), NaN where a segment lacks it.
    """

    steps: Steps
    columns: Columns
    anew: bool = True


class Cursor(NamedTuple):
    """How far a reader is: the newest segment that has rows, and the rows read of the last."""

    segment: int
    row: int


class Segments:
    """The segments of a run's metrics, listed again only when the folder changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: Signature | None = None
        self._numbers: dict[str, list[int]] = {}

    def numbers(self, cadence: str) -> list[int]:
        """The numbers of a cadence's segments, in order."""
        try:
            stamp = names_stamp(self.path)
        except OSError:
            return []
        if stamp is None or stamp != self._stamp:
            found: dict[str, list[int]] = {}
            for name in sorted(os.listdir(self.path)):
                stem, _, kind = name.partition(".")
                start, _, number = stem.rpartition("-")
                if kind == "arrow" and number.isdecimal():
                    found.setdefault(start, []).append(int(number))
            self._numbers = found
            self._stamp = stamp
        return self._numbers.get(cadence, [])

    def cadences(self) -> tuple[str, ...]:
        """The cadences that a trainer of this lab writes, then others that there are, by name."""
        self.numbers("")
        return (*CADENCES, *sorted(name for name in self._numbers if name and name not in CADENCES))

    def newer(self) -> list[str]:
        """The files of a later release, of which nothing is read."""
        names = [file_name(c, number) for c in self.cadences() for number in self.numbers(c)]
        found = {name: read_schema(self.path / name) for name in names}
        return [name for name, schema in found.items() if schema is not None and is_newer(schema)]

    def widths(self, cadence: str) -> dict[str, int]:
        """Every column but step and seconds, with its width in layers (0 for a scalar)."""
        found: dict[str, int] = {}
        for number in self.numbers(cadence):
            found |= _widths(f"{self.path}/{file_name(cadence, number)}")
        made = self.derived if found else {}
        return found | {name: found[of] for name, (of, _) in made.items() if of in found}

    @property
    def derived(self) -> Sources:
        """The metrics that are made of others as they are read."""
        return sources(self.path.parent)

    def read(self, cadence: str, names: Iterable[str]) -> Rows:
        """All rows of some columns of a cadence, as they are now."""
        columns = list(names)
        nothing: Columns = {name: np.zeros(0, np.float32) for name in columns}
        found = Reader(self, cadence, columns).read()
        return found or Rows(np.zeros(0, np.int64), nothing)


# Whoever lists runs asks for the columns of files that ended long ago.
WIDTHS: Cache[dict[str, int]] = Cache(20_000)


def _widths(path: str) -> dict[str, int]:
    """The columns of a segment; they are fixed with its first flush, however it grows."""
    try:
        found = os.stat(path)
        return WIDTHS.get(path, (found.st_dev, found.st_ino), lambda: _read_widths(path))
    except (OSError, ValueError):
        return {}  # nothing was flushed yet


def _read_widths(path: str) -> dict[str, int]:
    schema = read_schema(Path(path))
    if schema is None or is_newer(schema):
        raise ValueError(Message("it has no columns yet"))
    wide = pa.types.is_fixed_size_list
    return {
        column.name: column.type.list_size if wide(column.type) else 0
        for column in schema
        if column.name not in ("step", "seconds")
    }


class Reader:
    """Reads some columns of one cadence as it grows. A later segment makes it start anew.

    `firsts` gives each segment's first step.
    """

    def __init__(self, segments: Segments, cadence: str, names: list[str]) -> None:
        self.segments, self.cadence, self.names = segments, cadence, names
        self.firsts: dict[int, int] = {}
        self._newest = -1
        self._file: SegmentFile | None = None
        self._known: list[int] = []
        self._widths: dict[str, int] = {}

    @property
    def cursor(self) -> Cursor:
        """How far it has read; readers of one cadence at one place can be joined."""
        return Cursor(self._newest, self._file.rows if self._file else 0)

    def join(self, other: Reader) -> None:
        """Read the other's columns too; it stands at the same place and is read no more."""
        self.names = list(dict.fromkeys([*self.names, *other.names]))
        self._widths |= other._widths

    def read(self) -> Rows | None:
        """The rows written since the last call, or None where there are none."""
        numbers = self.segments.numbers(self.cadence)
        if numbers != self._known:
            return self._read_all(numbers)
        file = self._file
        if file is None or not file.changed():
            return None
        if file.cut or (not file.rows and len(numbers) > 1):
            return self._read_all(numbers)  # its first rows cut the segment before
        known = file.rows if file.replaced else 0
        if file.replaced:
            file.restart()
        steps, columns = self._rows(file, known)
        if not len(steps):
            return None
        self._note(numbers[-1], int(steps[0]))
        return Rows(steps, columns, anew=False)

    def _read_all(self, numbers: list[int]) -> Rows:
        self._known, self.firsts, self._newest, self._file = numbers, {}, -1, None
        parts = []
        limit = np.iinfo(np.int64).max
        # Backwards, so that each segment is cut where the first later one begins.
        for number in reversed(numbers):
            path = self.segments.path / file_name(self.cadence, number)
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
        whole = {n: _joined([columns[n] for _, columns in parts]) for n in self.names}
        self._widths = {n: v.shape[1] for n, v in whole.items() if v.ndim == 2}
        every = np.concatenate([np.zeros(0, np.int64), *(steps for steps, _ in parts)])
        return Rows(every, whole, anew=True)

    def _note(self, number: int, first: int) -> None:
        self.firsts.setdefault(number, first)
        self._newest = max(self._newest, number)

    def _rows(self, file: SegmentFile, known: int) -> tuple[Steps, Columns]:
        """New rows of a file, of which the first `known` were given out before."""
        made = self.segments.derived if DERIVED.intersection(self.names) else {}
        source = {name: made.get(name, (name, 1.0)) for name in self.names}
        found = file.read(["step", *dict.fromkeys(of for of, _ in source.values())])
        if "step" not in found:
            return np.zeros(0, np.int64), {}
        steps = np.concatenate(found["step"]).astype(np.int64)[known:]
        columns = {
            name: self._column(found.get(of), name, known, len(steps))
            for name, (of, _) in source.items()
        }
        for name, (of, factor) in source.items():
            if of != name:
                columns[name] = np.multiply(columns[name], factor)
        return steps, columns

    def _column(
        self, parts: list[NDArray[np.generic]] | None, name: str, known: int, rows: int
    ) -> NDArray[np.generic]:
        if parts:
            return np.concatenate(parts)[known:]
        width = self._widths.get(name)
        return np.full((rows, width) if width else rows, np.nan, dtype=np.float32)


def _joined(parts: list[NDArray[np.generic]]) -> NDArray[np.generic]:
    """Parts of one column from several segments, of which some may lack it and give flat NaN."""
    if not parts:
        return np.zeros(0, dtype=np.float32)
    widths = {p.shape[1] for p in parts if p.ndim == 2}
    if widths:
        width = max(widths)
        parts = [p if p.ndim == 2 else np.repeat(p[:, None], width, axis=1) for p in parts]
    return np.concatenate(parts)
