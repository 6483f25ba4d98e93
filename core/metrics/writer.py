"""Metrics as they are appended while a run trains, a flush at a time."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.files import append_whole, replacing, write_atomically
from core.language import Message
from core.metrics.header import COPY, copied
from core.metrics.segment import (
    CHECKSUMS,
    END,
    SCHEMA,
    VERSION,
    SegmentFile,
    checksums,
    file_name,
    read_schema,
)

COMPACT_ROWS = 8192


class SeriesWriter:
    """Appends rows of one cadence to one segment.

    The columns are fixed by the first write: scalars as float32, per-layer series of width L as
    fixed-size lists; ``step`` is int64 and ``seconds`` (of training, pauses left out) float64.
    """

    def __init__(self, folder: Path, cadence: str, segment: int) -> None:
        self.path = folder / file_name(cadence, segment)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self.path, flags, 0o644)  # lives as long as the run
        self._size = self._rows = 0
        self._header = b""
        # A batch is made whole in memory first: it is written as a whole or not at all.
        self._made = io.BytesIO()
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._schema: pa.Schema | None = None

    def write(self, columns: Mapping[str, NDArray[np.generic]]) -> None:
        """Append rows in one flush: arrays of shape (n,) or (n, L), `step` among them.

        Raises OSError when the disk is full; everything flushed before stays readable, and the same
        rows can be written again.
        """
        batch = _to_batch(columns, self._schema)
        if self._writer is None:
            self._schema = batch.schema
            self._writer = pa.ipc.new_stream(self._made, batch.schema)
            self._header = batch.schema.serialize().to_pybytes()  # what a stream begins with
        copy = {} if self._size else {COPY: copied(self._header)}
        self._writer.write_batch(batch, custom_metadata={CHECKSUMS: checksums(batch), **copy})
        try:
            self._append(self._taken())
        except OSError:
            if not self._size:  # the header went with it
                self._writer, self._made = None, io.BytesIO()
            raise
        self._rows += batch.num_rows

    def _taken(self) -> bytes:
        """What was made since the last call."""
        made = self._made.getvalue()
        self._made.seek(0)
        self._made.truncate()
        return made

    def _append(self, data: bytes) -> None:
        if not self._is_there():
            self._bring_back()
        size = os.fstat(self._fd).st_size
        if size < len(self._header):  # somebody cut it: what follows shall be read again
            os.ftruncate(self._fd, 0)
            data, size = self._header + data if self._size else data, 0
        append_whole(self._fd, data)
        self._size = size + len(data)

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.lstat(self.path), os.fstat(self._fd))
        except OSError:
            return False

    def _bring_back(self) -> None:
        """Somebody removed the file, or put another in its place: what was flushed is still here.

        Whatever stands in its place is set aside: it may be of a later release. Raises OSError.
        """
        content = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.path, self.path.with_suffix(".damaged"))
        write_atomically(self.path, content)
        os.close(self._fd)
        self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)

    def close(self) -> None:
        """End the segment and rewrite it in large batches, which read faster and take less room.

        Raises OSError when the disk is full, and can be called again.
        """
        if self._fd < 0:
            return
        if self._writer is not None:
            self._writer.close()  # writes nothing the second time
            if not self._made.tell():
                self._made.write(END)
            self._append(self._taken())
        os.close(self._fd)
        self._fd = -1
        if self._writer is None:
            self.path.unlink(missing_ok=True)
            return
        # The uncompacted segment is complete; a full disk only keeps it larger.
        with contextlib.suppress(OSError), replacing(self.path) as temporary:
            _compact(self.path, temporary, self._rows)


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
    about = pa.schema(
        [pa.field(name, one.type) for name, one in zip(names, arrays, strict=True)],
        metadata={VERSION: str(SCHEMA)},
    )
    batch = pa.RecordBatch.from_arrays(arrays, schema=about)
    assert schema is None or batch.schema.equals(schema), "the columns of a segment are fixed"
    return batch


def _compact(source: Path, target: Path, rows: int) -> None:
    segment, schema = SegmentFile(source), read_schema(source)
    found = segment.read(schema.names) if schema is not None else {}
    if schema is None or segment.rows != rows:
        raise OSError(Message("{source} was damaged; it stays as it is", source=source))
    columns = {name: np.concatenate(parts) for name, parts in found.items()}
    with open(target, "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        for start in range(0, segment.rows, COMPACT_ROWS):
            part = {name: values[start : start + COMPACT_ROWS] for name, values in columns.items()}
            batch = _to_batch(part, schema)
            copy = {} if start else {COPY: copied(schema.serialize().to_pybytes())}
            writer.write_batch(batch, custom_metadata={CHECKSUMS: checksums(batch), **copy})
        file.flush()
        os.fsync(file.fileno())
