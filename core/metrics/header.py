"""What a stream of metrics begins with, its columns, and the copy of it.

Nothing in Arrow's format tells a wrong bit in the header, and without it no batch can be read. So
the first batch of each segment carries a copy in its custom metadata, packed and with a CRC32;
where the two differ the copy is right. Other readers of Arrow pass over it.
"""

from __future__ import annotations

import zlib

import pyarrow as pa

from core.language import Message

MESSAGE = b"\xff\xff\xff\xff"  # begins each message of a stream; a length of 0 ends the stream
COPY = b"header"  # the key in the metadata
MARK = b"a copy of the header: "
FAR = 2**20  # bytes from the beginning in which a copy is looked for


def copied(header: bytes) -> bytes:
    """The copy that goes into the metadata of the first batch."""
    packed = zlib.compress(header)
    numbers = (len(packed), zlib.crc32(packed))
    return MARK + b"".join(n.to_bytes(4, "little") for n in numbers) + packed


def header_of(source: pa.NativeFile) -> bytes:
    """What a stream began with when it was written, whatever happened to it since.

    Raises ValueError where neither it nor its copy can be read, OSError.
    """
    source.seek(0)
    try:
        pa.ipc.open_stream(source)
        found = source.read_at(source.tell(), 0)
    except (pa.ArrowException, OSError, ValueError):
        found = b""
    copy = _copy(_metadata(source, len(found)))
    if not (copy or found):
        raise ValueError(Message("its header can't be read"))
    return copy or found


def _metadata(source: pa.NativeFile, at: int) -> bytes:
    """Of the first batch; all there is where its place is not known."""
    begin = source.read_at(8, at)
    if not at or begin[:4] != MESSAGE:
        at, size = 0, FAR
    else:
        size = min(int.from_bytes(begin[4:], "little"), FAR)
    found: bytes = source.read_at(size, at)
    return found


def _copy(metadata: bytes) -> bytes | None:
    _, mark, rest = metadata.partition(MARK)
    size, check = (int.from_bytes(rest[at : at + 4], "little") for at in (0, 4))
    packed = rest[8 : 8 + size]
    if not mark or zlib.crc32(packed) != check:
        return None
    try:
        return zlib.decompress(packed)
    except zlib.error:
        return None
