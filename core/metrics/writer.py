"""Metrics as they are appended while a run trains, a flush at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.files import replacing
from core.metrics.segment import CHECKSUMS, SegmentFile, checksums, file_name, read_schema

COMPACT_ROWS = 8192


class SeriesWriter:
    """Appends rows of one cadence to one segment.

    The columns are fixed by the first write: scalars as float32, per-layer series of width L as
    fixed-size lists; ``step`` is int64 and ``seconds`` (of training, pauses left out) float64.
    """

    def __init__(self, folder: Path, cadence: str, segment: int) -> None:
        self.path = folder / file_name(cadence, segment)
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
        self._writer.write_batch(batch, custom_metadata={CHECKSUMS: checksums(batch)})

    def close(self) -> None:
        """End the segment and rewrite it in large batches, which read faster and take less room."""
        if self._writer is not None:
            self._writer.close()
        self._file.close()
        if self._writer is None:
            self.path.unlink(missing_ok=True)
            return
        # The uncompacted segment is complete; a full disk only keeps it larger.
        with contextlib.suppress(OSError), replacing(self.path) as temporary:
            _compact(self.path, temporary)


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


def _compact(source: Path, target: Path) -> None:
    segment, schema = SegmentFile(source), read_schema(source)
    assert schema is not None
    columns = {name: np.concatenate(parts) for name, parts in segment.read(schema.names).items()}
    with open(target, "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        for start in range(0, segment.rows, COMPACT_ROWS):
            part = {name: values[start : start + COMPACT_ROWS] for name, values in columns.items()}
            batch = _to_batch(part, schema)
            writer.write_batch(batch, custom_metadata={CHECKSUMS: checksums(batch)})
        file.flush()
        os.fsync(file.fileno())
