"""Metrics as Arrow IPC streams: append while training, read while it grows.

One file per cadence and per start of the run: ``metrics/<cadence>-<segment>.arrow``. (A second
stream appended to one file is silently ignored by readers.) Every record batch carries a CRC32 of
each of its columns, because a flipped bit reads without error otherwise; a reader stops at the
first batch that is torn or wrong. After a resume the later segment wins from its first step.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Array = NDArray[np.float32]
Steps = NDArray[np.int64]

CADENCES = ("step", "probe", "evaluation")
CHECKSUMS = b"crc32"
COMPACT_ROWS = 8192


class SeriesWriter:
    """Appends rows of one cadence to one segment.

    The columns are fixed by the first write: scalars as float32, per-layer series of width L as
    fixed-size lists; ``step`` is int64 and ``seconds`` (of training, pauses left out) float64.
    """

    def __init__(self, folder: Path, cadence: str, segment: int) -> None:
        self.path = folder / f"{cadence}-{segment:04d}.arrow"
        self._file = open(self.path, "xb", buffering=0)  # noqa: SIM115 - lives as long as the run
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._schema: pa.Schema | None = None

    def write(self, columns: Mapping[str, NDArray[np.generic]]) -> None:
        """Append rows in one flush: arrays of shape (n,) or (n, L), `step` among them.

        Raises OSError when the disk is full; everything flushed before stays readable.
        """
        batch = _to_batch(columns, self._schema)
        if self._writer is None:
            self._schema = batch.schema
            self._writer = pa.ipc.new_stream(self._file, batch.schema)
        self._writer.write_batch(batch, custom_metadata={CHECKSUMS: _checksums(batch)})

    def close(self) -> None:
        """End the segment and rewrite it in large batches, which read faster and take less room."""
        if self._writer is not None:
            self._writer.close()
        self._file.close()
        if self._writer is None:
            self.path.unlink(missing_ok=True)
            return
        temporary = self.path.with_suffix(".compact")
        try:
            _compact(self.path, temporary)
            os.replace(temporary, self.path)
        except OSError:
            # The uncompacted segment is complete; a full disk only keeps it larger.
            temporary.unlink(missing_ok=True)


def _to_batch(
    columns: Mapping[str, NDArray[np.generic]], schema: pa.Schema | None
) -> pa.RecordBatch:
    names, arrays = [], []
    for name, values in columns.items():
        kind = np.int64 if name == "step" else np.float64 if name == "seconds" else np.float32
        flat = pa.array(np.ascontiguousarray(values, dtype=kind).reshape(-1))
        names.append(name)
        arrays.append(
            pa.FixedSizeListArray.from_arrays(flat, values.shape[1]) if values.ndim == 2 else flat
        )
    batch = pa.RecordBatch.from_arrays(arrays, names=names)
    assert schema is None or batch.schema.equals(schema), "the columns of a segment are fixed"
    return batch


def _numbers(batch: pa.RecordBatch, index: int) -> NDArray[np.generic]:
    """A column as an array of shape (n,) or (n, L)."""
    column = batch.column(index)
    if isinstance(column, pa.FixedSizeListArray):
        width = column.type.list_size
        return np.asarray(column.flatten()).reshape(-1, width)
    return np.asarray(column)


def _checksums(batch: pa.RecordBatch) -> bytes:
    sums = [zlib.crc32(_numbers(batch, i).tobytes()) for i in range(batch.num_columns)]
    return np.array(sums, dtype="<u4").tobytes()


def _compact(source: Path, target: Path) -> None:
    segment = Segment(source)
    schema = segment.schema()
    assert schema is not None
    segment.refresh(schema.names)
    with open(target, "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        for start in range(0, segment.rows, COMPACT_ROWS):
            part = {n: segment.column(n)[start : start + COMPACT_ROWS] for n in schema.names}
            batch = _to_batch(part, schema)
            writer.write_batch(batch, custom_metadata={CHECKSUMS: _checksums(batch)})
        file.flush()
        os.fsync(file.fileno())


@dataclass
class Segment:
    """One stream file, read incrementally; keeps only the columns that were asked for."""

    path: Path
    rows: int = 0
    _offset: int = 0
    _identity: tuple[int, int] = (0, 0)
    _header: bytes = b""
    _schema: pa.Schema | None = None
    _broken: bool = False
    _chunks: dict[str, list[NDArray[np.generic]]] = field(default_factory=dict)

    def schema(self) -> pa.Schema | None:
        """The columns of the file, None while nothing was flushed."""
        if self._schema is None:
            self.refresh(())
        return self._schema

    def refresh(self, names: Iterable[str]) -> None:
        """Read what was appended since the last call, for `names` and all names asked before."""
        try:
            state = os.stat(self.path)
        except OSError:
            return
        # Compaction replaces the file, so its inode tells; the rows stay the same.
        identity = (state.st_dev, state.st_ino)
        missing = [n for n in names if n not in self._chunks]
        if identity != self._identity or missing:
            self._identity, self._offset, self.rows, self._broken = identity, 0, 0, False
            self._chunks = {n: [] for n in [*self._chunks, *missing]}
        if self._broken or state.st_size <= self._offset:
            return
        with open(self.path, "rb") as file:
            file.seek(self._offset)
            self._read(file.read())

    def _read(self, data: bytes) -> None:
        base = self._offset
        prefix = self._header if base else b""  # each read needs the schema before its batches
        source = pa.BufferReader(prefix + data)
        try:
            reader = pa.ipc.open_stream(source)
        except (pa.ArrowException, OSError, ValueError):
            return  # the header is not complete yet
        if not base:
            self._schema = reader.schema
            self._header = data[: source.tell()]
            self._offset = source.tell()
        positions = {n: reader.schema.get_field_index(n) for n in self._chunks}
        while True:
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                return
            except (pa.ArrowException, OSError, ValueError):
                return  # torn: the rest may still be on its way
            if not self._take(batch, metadata, positions):
                self._broken = True
                return
            self._offset = base + source.tell() - len(prefix)

    def _take(
        self, batch: pa.RecordBatch, metadata: pa.KeyValueMetadata | None, at: dict[str, int]
    ) -> bool:
        sums = np.frombuffer((metadata or {}).get(CHECKSUMS, b""), dtype="<u4")
        if len(sums) != batch.num_columns:
            return False
        taken = {n: _numbers(batch, i) for n, i in at.items() if i >= 0}
        if any(zlib.crc32(taken[n].tobytes()) != sums[at[n]] for n in taken):
            return False
        for name, values in taken.items():
            self._chunks[name].append(values.copy())  # a view would keep the whole batch
        self.rows += batch.num_rows
        return True

    def column(self, name: str) -> NDArray[np.generic]:
        """All rows read of a column; NaN where the file has no such column."""
        chunks = self._chunks.get(name, [])
        if len(chunks) > 1:
            chunks[:] = [np.concatenate(chunks)]
        if chunks:
            # Another column of a damaged batch may have been read further than this one's file.
            return chunks[0][: self.rows]
        return np.full(self.rows, np.nan, dtype=np.float32)


@dataclass(frozen=True)
class Cursor:
    """How far a reader is: a segment and the rows of it that it has."""

    segment: int = -1
    row: int = 0

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """From ``segment:row``; raises ValueError on anything else."""
        segment, row = text.split(":")
        return cls(int(segment), int(row))

    def __str__(self) -> str:
        return f"{self.segment}:{self.row}"


@dataclass(frozen=True)
class Rows:
    """Columns of one cadence. `truncate_from` tells a reader to forget its rows from that step."""

    steps: Steps
    columns: dict[str, NDArray[np.generic]]
    cursor: Cursor
    truncate_from: int | None = None


class SeriesReader:
    """Reads one cadence of a run over all its segments, incrementally; threads may share it."""

    def __init__(self, folder: Path, cadence: str) -> None:
        self.folder, self.cadence = folder, cadence
        self._lock = threading.Lock()
        self._segments: dict[int, Segment] = {}

    def _refresh(self, names: Iterable[str]) -> list[tuple[int, Segment]]:
        wanted = ["step", *names]
        for path in sorted(self.folder.glob(f"{self.cadence}-*.arrow")):
            number = path.stem.removeprefix(f"{self.cadence}-")
            if number.isdigit():
                self._segments.setdefault(int(number), Segment(path))
        for segment in self._segments.values():
            segment.refresh(wanted)
        return [(n, s) for n, s in sorted(self._segments.items()) if s.rows]

    def names(self) -> dict[str, int]:
        """Every column but step and seconds, with its width in layers (0 for a scalar)."""
        found: dict[str, int] = {}
        with self._lock:
            segments = self._refresh(())
        for _, segment in segments:
            for column in segment.schema() or ():
                if column.name not in ("step", "seconds"):
                    wide = pa.types.is_fixed_size_list(column.type)
                    found[column.name] = column.type.list_size if wide else 0
        return found

    def read(self, names: Iterable[str], since: Cursor | None = None) -> Rows:
        """Rows after `since` (all of them by default), where a later segment wins."""
        with self._lock:
            return self._read(list(names), since)

    def _read(self, names: list[str], since: Cursor | None) -> Rows:
        segments = self._refresh(names)
        since = since or Cursor()
        steps: list[Steps] = []
        parts: dict[str, list[NDArray[np.generic]]] = {n: [] for n in names}
        limit = np.iinfo(np.int64).max
        truncate: int | None = None
        # Backwards, so that each segment is cut where the first later one begins.
        for number, segment in reversed(segments):
            own = segment.column("step").astype(np.int64)
            keep = int(np.searchsorted(own, limit))
            first = min(since.row, keep) if number == since.segment else 0
            if number >= since.segment:
                steps.append(own[first:keep])
                for name in names:
                    parts[name].append(segment.column(name)[first:keep])
            if number > since.segment >= 0:
                truncate = int(own[0]) if truncate is None else min(truncate, int(own[0]))
            limit = min(limit, int(own[0]))
        last = Cursor(segments[-1][0], segments[-1][1].rows) if segments else since
        return Rows(
            np.concatenate(steps[::-1]) if steps else np.zeros(0, dtype=np.int64),
            {n: _joined(p[::-1]) for n, p in parts.items()},
            last,
            truncate,
        )


def _joined(parts: list[NDArray[np.generic]]) -> NDArray[np.generic]:
    if not parts:
        return np.zeros(0, dtype=np.float32)
    widths = {p.shape[1] for p in parts if p.ndim == 2}
    if widths:  # a segment without this column gives a flat NaN: widen it
        width = max(widths)
        parts = [p if p.ndim == 2 else np.repeat(p[:, None], width, axis=1) for p in parts]
    return np.concatenate(parts)


def bucket_size(rows: int, max_points: int) -> int:
    """The smallest power of two whose buckets, of two points each, stay within `max_points`.

    Powers of two, so that buckets are only ever merged and never move while a run grows.
    """
    size = 1
    while rows > max_points if size == 1 else 2 * -(-rows // size) > max_points:
        size *= 2
    return size


def buckets(
    steps: Steps, values: NDArray[np.generic], size: int
) -> tuple[Steps, NDArray[np.generic]]:
    """Thin a series, `size` rows to a bucket, without losing a spike.

    A scalar series (n,) keeps each bucket's smallest and largest value at their own steps, and the
    first non-finite one. A per-layer series (n, L) keeps each layer's largest value at the
    bucket's first step.
    """
    rows = len(steps)
    if size <= 1 or rows == 0:
        return steps, values
    full = -(-rows // size) * size
    if values.ndim == 2:
        padded = np.full((full, values.shape[1]), -np.inf, dtype=np.float32)
        padded[:rows] = values
        top = padded.reshape(-1, size, values.shape[1]).max(axis=1)  # NaN wins, as it should
        return steps[::size], top
    numbers = values.astype(np.float64)
    finite = np.isfinite(numbers)
    low = np.full(full, np.inf)
    high = np.full(full, -np.inf)
    low[:rows] = np.where(finite, numbers, np.inf)
    high[:rows] = np.where(finite, numbers, -np.inf)
    base = np.arange(0, full, size)
    chosen = [base + low.reshape(-1, size).argmin(1), base + high.reshape(-1, size).argmax(1)]
    if not finite.all():
        odd = np.zeros(full, dtype=bool)
        odd[:rows] = ~finite
        grid = odd.reshape(-1, size)
        chosen.append((base + grid.argmax(1))[grid.any(1)])
    keep = np.unique(np.concatenate(chosen))
    keep = keep[keep < rows]
    return steps[keep], values[keep]
