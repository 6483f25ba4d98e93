"""Attention of every head as it lies on the disk: reads only what somebody looks at.

L layers, H heads, T tokens. Causal attention lies packed, the lower triangle row by row,
(L, H, T (T + 1) / 2); attention without a mask is the square, (L, H, T, T).
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cache import Cache
from core.files import read_bytes, signature
from core.language import Message

Halves = NDArray[np.float16]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Patterns:
    """Patterns in either form; `kept` may be mapped from a file."""

    kept: Halves

    @property
    def packed(self) -> bool:
        """Whether only the lower triangle is kept."""
        return self.kept.ndim == 3

    @property
    def size(self) -> int:
        """T, the number of tokens."""
        last = self.kept.shape[-1]
        return (int(np.sqrt(8 * last + 1)) - 1) // 2 if self.packed else last

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(L, H, T, T)."""
        layers, heads = self.kept.shape[:2]
        return layers, heads, self.size, self.size

    def head(self, layer: int, head: int) -> Halves:
        """One head, (T, T), zero above the diagonal where the mask is causal."""
        return self._square(self.kept[layer, head])

    def layer(self, layer: int) -> Halves:
        """All heads of a layer, (H, T, T)."""
        return self._square(self.kept[layer])

    def whole(self) -> Halves:
        """Every head, (L, H, T, T)."""
        return self._square(self.kept)

    def _square(self, part: Halves) -> Halves:
        if not self.packed:
            return np.asarray(part)
        full = np.zeros((*part.shape[:-1], self.size, self.size), dtype=np.float16)
        for row in range(self.size):
            full[..., row, : row + 1] = part[..., _row(row)]
        return full

    def largest(self, most: int) -> Floats:
        """(L, H, n, n), n at most `most`: the largest value of each square patch of a head."""
        # Halves that are not negative order as their bits do, and integers compare faster.
        bits = (np.asarray(part).view(np.uint16) for part in self.kept)
        found = [_patches(part, self.size, most, np.maximum) for part in bits]
        return np.stack(found).view(np.float16).astype(np.float32)


def difference(a: Patterns, b: Patterns, most: int) -> Floats:
    """(L, H, n, n): of each patch the value of a - b that is furthest from zero.

    Raises ValueError where the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(
            Message(
                "patterns of {shape} and of {shape_2} have no difference",
                shape=a.shape,
                shape_2=b.shape,
            )
        )
    squares = a.packed != b.packed
    found = []
    for layer in range(a.shape[0]):
        one, other = (p.layer(layer) if squares else p.kept[layer] for p in (a, b))
        minus = one.astype(np.float32) - other.astype(np.float32)
        above = _patches(minus, a.size, most, np.maximum)
        below = _patches(minus, a.size, most, np.minimum)
        found.append(np.where(above >= -below, above, below))
    return np.stack(found)


def _row(row: int) -> slice:
    """Where a row of the lower triangle lies."""
    start = row * (row + 1) // 2
    return slice(start, start + row + 1)


def _patches(part: NDArray[Any], size: int, most: int, pick: np.ufunc) -> NDArray[Any]:
    """Patches of one layer: (H, packed) or (H, T, T) -> (H, n, n)."""
    patch = -(-size // most)
    n = -(-size // patch)
    out = np.zeros((len(part), n, n), dtype=part.dtype)
    for band in range(n):
        line = np.zeros((len(part), n * patch), dtype=part.dtype)
        for row in range(band * patch, min((band + 1) * patch, size)):
            values = part[:, _row(row)] if part.ndim == 2 else part[:, row]
            so_far = line[:, : values.shape[1]]
            pick(so_far, values, out=so_far)
        for column in range(patch):
            pick(out[:, band], line[:, column::patch], out=out[:, band])
    return out


# Behind the array, where readers of arrays look at nothing: what a file is checked against.
SUM = b"sha256 "
SUM_BYTES = len(SUM) + hashlib.sha256().digest_size


def summed(content: bytes) -> bytes:
    """The bytes of an array file with its checksum appended."""
    return content + SUM + hashlib.sha256(content).digest()


WHOLE: Cache[bool] = Cache(4096)


def _is_whole(path: Path) -> bool:
    """Whether a file has the content that was written; those of earlier releases have no sum."""
    content = read_bytes(path)
    tail = content[-SUM_BYTES:]
    if not tail.startswith(SUM):
        return True
    return hashlib.sha256(memoryview(content)[:-SUM_BYTES]).digest() == tail[len(SUM) :]


def map_npy(path: Path) -> Halves:
    """An array file, mapped, with the checksum that it has. Raises OSError or ValueError."""
    stamp = signature(path)
    if stamp is not None and not WHOLE.get(path, stamp, lambda: _is_whole(path)):
        raise ValueError(Message("it is damaged: its checksum differs"))
    try:
        mapped: Halves = np.load(path, mmap_mode="r", allow_pickle=False)
    except EOFError as error:
        raise ValueError(Message("it is empty")) from error
    # What NumPy lets out of a head that lies, beside its own ValueError.
    except (OverflowError, RecursionError, MemoryError, SyntaxError, TokenError) as error:
        raise ValueError(Message("its head can't be read")) from error
    if (
        not isinstance(mapped, np.ndarray)
        or mapped.dtype != np.float16
        or mapped.ndim not in (3, 4)
    ):
        raise ValueError(Message("it holds no attention patterns"))
    return mapped


def map_npz(path: Path, name: str) -> NDArray[Any]:
    """One array of an uncompressed .npz, mapped. Raises KeyError, OSError or ValueError."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(f"{name}.npy")
        if entry.compress_type != zipfile.ZIP_STORED:
            with archive.open(entry) as file:
                compressed: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
                return compressed
    with open(path, "rb") as file:
        file.seek(entry.header_offset + 26)  # the lengths of the entry's name and of its extras
        lengths = np.frombuffer(file.read(4), dtype="<u2")
        file.seek(int(lengths.sum()), 1)
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, fortran, kind = read(file)
        start = file.tell()
    return np.memmap(path, kind, "r", start, shape, "F" if fortran else "C")
