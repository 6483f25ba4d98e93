"""One stream file of metrics: its form, and reading it from where the last reading ended.

One file per cadence and per start of the run: ``metrics/<cadence>-<segment>.arrow``. (A second
stream appended to one file is silently ignored by readers.) Every record batch carries a CRC32 of
each of its columns, because a flipped bit reads without error otherwise; a reader leaves out what
is torn or wrong and goes on with the next whole batch. The first carries a copy of the header, too,
see :mod:`core.metrics.header`.

A segment that has ended is read through a memory map: of hundreds of runs a chart needs a column
or two of a hundred. The program replaces such a file and never cuts it; who cuts it by hand in the
very moment in which it is read ends the reader (SIGBUS), which nothing but reading all of it would
prevent. One that still grows is read as it is, because a full disk makes its writer cut off what
was half written.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.files import read_bytes, read_tail
from core.language import Message
from core.metrics.header import MESSAGE, header_of

CADENCES = ("step", "probe", "evaluation")
# Those of instruments that a run may switch on, each with an interval of its own.
INSTRUMENTS = ("noise", "hessian")
CHECKSUMS = b"crc32"
SCHEMA = 1  # of this form; a file that says none is of 1
VERSION = b"schema"
END = MESSAGE + bytes(4)
LAST = 64  # bytes that tell what was read from what stands there now


def file_name(cadence: str, segment: int) -> str:
    """The name of a segment's file in a run's folder of metrics."""
    return f"{cadence}-{segment:04d}.arrow"


def is_newer(schema: pa.Schema) -> bool:
    """Whether a later release wrote the file, in a form that this one can't read."""
    said = (schema.metadata or {}).get(VERSION, b"1")
    return said.isdigit() and int(said) > SCHEMA


def read_schema(path: Path) -> pa.Schema | None:
    """The columns of a segment, from its first bytes; None while nothing was flushed."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None  # a pipe would be waited for
        with pa.OSFile(str(path)) as file:
            return pa.ipc.open_stream(header_of(file)).schema
    except (pa.ArrowException, OSError, ValueError):
        return None


class SegmentFile:
    """One stream file, read from where the last reading ended; it keeps no rows.

    `rows` have been read; `damaged` says that between them something can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity = (0, 0)
        self._written = 0
        self._header = b""
        self.restart()

    def restart(self) -> None:
        """Read from the first row again."""
        self.rows = self.offset = 0
        self.damaged = self.cut = False
        self._last = b""

    def changed(self) -> bool:
        """Whether there is something to read; `replaced` says that compaction was here, `cut` that
        rows which were read are gone."""
        try:
            state = os.stat(self.path)
        except OSError:
            return False
        if not stat.S_ISREG(state.st_mode):
            return False
        # Compaction replaces the file, so its inode tells; the rows stay the same.
        self.replaced = (state.st_dev, state.st_ino) != self._identity
        self._identity = (state.st_dev, state.st_ino)
        written, self._written = state.st_mtime_ns != self._written, state.st_mtime_ns
        self.cut = not self.replaced and (
            state.st_size < self.offset or (written and self._before() != self._last)
        )
        return self.replaced or self.cut or state.st_size > self.offset

    def _before(self) -> bytes:
        """The last bytes that were read; others where the file was cut and has grown since."""
        with contextlib.suppress(OSError), open(self.path, "rb", buffering=0) as file:
            file.seek(max(self.offset - LAST, 0))
            return file.read(min(self.offset, LAST))
        return b""

    def read(self, names: Iterable[str]) -> dict[str, list[NDArray[np.generic]]]:
        """The new batches of some columns; columns that the file lacks are left out.

        From the start of a file that has ended only these columns are read.
        """
        taken: dict[str, list[NDArray[np.generic]]] = {}
        try:
            if self.offset:
                with open(self.path, "rb", buffering=0) as file:
                    file.seek(self.offset)
                    data = file.read()
                self._read(pa.BufferReader(self._header + data), taken, list(names))
            else:
                with _opened(self.path) as file:
                    self._header = header_of(file)
                    self._read(_whole(file, self._header), taken, list(names))
        except (pa.ArrowException, OSError, ValueError):
            return taken  # empty, gone, or its header is not complete yet
        self._last = self._before()
        return taken

    def _read(
        self,
        source: pa.NativeFile | None,
        taken: dict[str, list[NDArray[np.generic]]],
        names: list[str],
    ) -> None:
        while source is not None:
            # Each reading needs the schema before its batches.
            shift = self.offset - len(self._header) if self.offset else 0
            reader = pa.ipc.open_stream(source)
            if is_newer(reader.schema):
                return
            if not self.offset:
                self.offset = source.tell()
            end = self._batches(reader, source, shift, taken, names)
            source = self._behind_damage(source, shift)
            if source is None:
                self.offset = end

    def _batches(
        self,
        reader: pa.RecordBatchStreamReader,
        source: pa.NativeFile,
        shift: int,
        taken: dict[str, list[NDArray[np.generic]]],
        names: list[str],
    ) -> int:
        """Take all batches up to the end, or to what can't be read; where that ends.

        What was cut off and appended to looks like one batch, in which a whole one begins.
        """
        places = {n: reader.schema.get_field_index(n) for n in names}
        places = {n: i for n, i in places.items() if i >= 0}
        begin = self.offset
        while True:
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except (StopIteration, pa.ArrowException, OSError, ValueError):
                end = self.offset
                follows = source.read_at(len(MESSAGE), end - shift)
                if len(follows) == len(MESSAGE) and follows != MESSAGE:
                    self.offset = begin  # what was cut off it begins in the last batch
                return end
            values = _checked(batch, metadata, places)
            if values is None:
                self.damaged = True
                return shift + int(source.tell())
            begin, self.offset = self.offset, shift + source.tell()
            for name, column in values.items():
                taken.setdefault(name, []).append(column)
            self.rows += batch.num_rows

    def _behind_damage(self, source: pa.NativeFile, shift: int) -> pa.NativeFile | None:
        """What follows a part that can't be read; None where that is the torn end, of which the
        rest may still be on its way."""
        begin, end = self.offset - shift, source.size()
        rest = source.read_at(end - begin, begin) if end - begin > len(END) else b""
        at = rest.find(MESSAGE, 1)
        while at >= 0:
            if _is_batch(rest, at) and _opens(found := self._header + rest[at:]):
                self.offset += at
                self.damaged = True
                return pa.BufferReader(found)
            at = rest.find(MESSAGE, at + 1)
        return None


def _opened(path: Path) -> pa.NativeFile:
    """A file for reading: mapped where it has ended and its file system can do that."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(
            Message("{path} is not a regular file", path=path)
        )  # a pipe would be waited for
    if read_tail(path, len(END)) != END:
        return pa.BufferReader(read_bytes(path))
    try:
        return pa.memory_map(str(path))
    except OSError:
        return pa.OSFile(str(path))


def _whole(source: pa.NativeFile, header: bytes) -> pa.NativeFile:
    """The stream with its own header, where what stands in the file is another."""
    if source.read_at(len(header), 0) == header:
        source.seek(0)
        return source
    return pa.BufferReader(header + source.read_at(source.size() - len(header), len(header)))


def _is_batch(content: bytes, at: int) -> bool:
    try:
        return bool(pa.ipc.read_message(pa.py_buffer(content)[at:]).type == "record batch")
    except (pa.ArrowException, OSError, ValueError, EOFError):
        return False


def _opens(stream: bytes) -> bool:
    """Whether a stream begins with a batch that is as it was written."""
    try:
        reader = pa.ipc.open_stream(stream)
        batch, metadata = reader.read_next_batch_with_custom_metadata()
        return (
            _checked(batch, metadata, {n: i for i, n in enumerate(batch.schema.names)}) is not None
        )
    except (StopIteration, pa.ArrowException, OSError, ValueError):
        return False


def _checked(
    batch: pa.RecordBatch, metadata: pa.KeyValueMetadata | None, at: dict[str, int]
) -> dict[str, NDArray[np.generic]] | None:
    """Copies of some columns; None when one of them is not what was written."""
    sums = np.frombuffer((metadata or {}).get(CHECKSUMS, b""), dtype="<u4")
    if len(sums) != batch.num_columns:
        return None
    taken = {}
    for name, index in at.items():
        values = column_of(batch, index)
        if zlib.crc32(np.ascontiguousarray(values).data) != sums[index]:
            return None
        taken[name] = values.copy()  # a view would keep the whole batch
    return taken


def column_of(batch: pa.RecordBatch, index: int) -> NDArray[np.generic]:
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


def checksums(batch: pa.RecordBatch) -> bytes:
    sums = [zlib.crc32(column_of(batch, i).tobytes()) for i in range(batch.num_columns)]
    return np.array(sums, dtype="<u4").tobytes()
