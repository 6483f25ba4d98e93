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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.metrics.downsample import Steps

CADENCES = ("step", "probe", "evaluation")
CHECKSUMS = b"crc32"
COMPACT_ROWS = 8192
CLOSED = b"\xff\xff\xff\xff\0\0\0\0"  # how an Arrow stream says that it is complete


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
    width = None
    if isinstance(column, pa.FixedSizeListArray):
        width = column.type.list_size
        column = column.values  # a batch from a file begins at its first row
    # Its bytes as they are: Arrow's own conversion would import pandas.
    kind = np.dtype(column.type.to_pandas_dtype())
    values = np.frombuffer(column.buffers()[1], kind, len(column), column.offset * kind.itemsize)
    return values if width is None else values.reshape(-1, width)


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


def read_schema(path: Path) -> pa.Schema | None:
    """The columns of a segment, from its first bytes; None while nothing was flushed."""
    try:
        with pa.OSFile(str(path)) as file:
            return pa.ipc.open_stream(file).schema
    except (pa.ArrowException, OSError, ValueError):
        return None


class SegmentFile:
    """One stream file, read from where the last reading ended; it keeps no rows.

    `rows` have been read, `broken` says that the next batch is damaged, `closed` that the file is
    complete and no row will follow.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schema: pa.Schema | None = None
        self._identity = (0, 0)
        self._header = b""
        self.restart()

    def restart(self) -> None:
        """Read from the first row again."""
        self.rows = self.offset = 0
        self.broken = self.closed = False

    def changed(self) -> bool:
        """Whether there is something to read; `replaced` says that compaction was here."""
        try:
            state = os.stat(self.path)
        except OSError:
            return False
        self._size = state.st_size
        # Compaction replaces the file, so its inode tells; the rows stay the same.
        self.replaced = (state.st_dev, state.st_ino) != self._identity
        self._identity = (state.st_dev, state.st_ino)
        return self.replaced or (not self.broken and state.st_size > self.offset)

    def read(self, names: Iterable[str]) -> dict[str, list[NDArray[np.generic]]]:
        """The new batches of some columns; columns that the file lacks are left out.

        From the start of the file through a memory map, of which only these columns are touched.
        """
        taken: dict[str, list[NDArray[np.generic]]] = {}
        try:
            if self.offset:
                with open(self.path, "rb", buffering=0) as file:
                    file.seek(self.offset)
                    data = file.read()
                self._read(pa.BufferReader(self._header + data), taken, list(names))
                self.closed = data.endswith(CLOSED)
            else:
                with pa.memory_map(str(self.path)) as file:
                    size = file.size()
                    self._read(file, taken, list(names))
                    self.closed = file.read_at(len(CLOSED), size - len(CLOSED)) == CLOSED
        except (pa.ArrowException, OSError, ValueError):
            return taken  # empty, gone, or its header is not complete yet
        return taken

    def _read(
        self,
        source: pa.NativeFile,
        taken: dict[str, list[NDArray[np.generic]]],
        names: list[str],
    ) -> None:
        # Each reading needs the schema before its batches.
        shift = self.offset - len(self._header) if self.offset else 0
        reader = pa.ipc.open_stream(source)
        if not self.offset:
            self.schema, self.offset = reader.schema, source.tell()
            self._header = source.read_at(self.offset, 0)
            source.seek(self.offset)
        places = {n: reader.schema.get_field_index(n) for n in names}
        places = {n: i for n, i in places.items() if i >= 0}
        while True:
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                return
            except (pa.ArrowException, OSError, ValueError):
                return  # torn: the rest may still be on its way
            values = _checked(batch, metadata, places)
            if values is None:
                self.broken = True
                return
            for name, column in values.items():
                taken.setdefault(name, []).append(column)
            self.rows += batch.num_rows
            self.offset = shift + source.tell()


def _checked(
    batch: pa.RecordBatch, metadata: pa.KeyValueMetadata | None, at: dict[str, int]
) -> dict[str, NDArray[np.generic]] | None:
    """Copies of some columns; None when one of them is not what was written."""
    sums = np.frombuffer((metadata or {}).get(CHECKSUMS, b""), dtype="<u4")
    if len(sums) != batch.num_columns:
        return None
    taken = {}
    for name, index in at.items():
        values = _numbers(batch, index)
        if zlib.crc32(np.ascontiguousarray(values).data) != sums[index]:
            return None
        taken[name] = values.copy()  # a view would keep the whole batch
    return taken


class Segment:
    """One stream file with the columns that were asked for, read incrementally."""

    def __init__(self, path: Path) -> None:
        self.file = SegmentFile(path)
        self._chunks: dict[str, list[NDArray[np.generic]]] = {}

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return self.file.rows

    def schema(self) -> pa.Schema | None:
        """The columns of the file, None while nothing was flushed."""
        if self.file.schema is None:
            self.file.schema = read_schema(self.file.path)
        return self.file.schema

    def refresh(self, names: Iterable[str]) -> None:
        """Read what was appended since the last call, for `names` and all names asked before."""
        missing = [n for n in names if n not in self._chunks]
        changed = self.file.changed()
        if not changed and not missing:
            return
        if missing or self.file.replaced:
            self.file.restart()
            self._chunks = {n: [] for n in [*self._chunks, *missing]}
        for name, parts in self.file.read(self._chunks).items():
            self._chunks[name] += parts

    def forget(self) -> None:
        """Keep no rows of a complete file: reading it anew costs less than its memory."""
        if self.file.closed:
            self._chunks = {}

    def column(self, name: str) -> NDArray[np.generic]:
        """All rows read of a column; NaN where the file has no such column."""
        chunks = self._chunks.get(name, [])
        if len(chunks) > 1:
            chunks[:] = [np.concatenate(chunks)]
        if chunks:
            return chunks[0]
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

    def _find(self) -> None:
        for path in sorted(self.folder.glob(f"{self.cadence}-*.arrow")):
            number = path.stem.removeprefix(f"{self.cadence}-")
            if number.isdecimal():
                self._segments.setdefault(int(number), Segment(path))

    def _refresh(self, names: Iterable[str]) -> list[tuple[int, Segment]]:
        self._find()
        for segment in self._segments.values():
            segment.refresh(["step", *names])
        return [(n, s) for n, s in sorted(self._segments.items()) if s.rows]

    def names(self) -> dict[str, int]:
        """Every column but step and seconds, with its width in layers (0 for a scalar)."""
        found: dict[str, int] = {}
        with self._lock:
            self._find()
            schemas = [s.schema() for _, s in sorted(self._segments.items())]
        for schema in schemas:
            for column in schema or ():
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
        found = Rows(
            np.concatenate(steps[::-1]) if steps else np.zeros(0, dtype=np.int64),
            {n: joined(p[::-1]) for n, p in parts.items()},
            last,
            truncate,
        )
        for _, segment in segments:
            segment.forget()
        return found


def joined(parts: list[NDArray[np.generic]]) -> NDArray[np.generic]:
    """Parts of one column from several segments, of which some may lack it and give flat NaN."""
    if not parts:
        return np.zeros(0, dtype=np.float32)
    widths = {p.shape[1] for p in parts if p.ndim == 2}
    if widths:
        width = max(widths)
        parts = [p if p.ndim == 2 else np.repeat(p[:, None], width, axis=1) for p in parts]
    return np.concatenate(parts)


def flat_names(name: str, width: int) -> list[str]:
    """A metric's columns: itself, or one for each layer."""
    return [f"{name}/layer_{layer}" for layer in range(width)] if width else [name]
