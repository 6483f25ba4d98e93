"""Tensors on the disk, without torch: safetensors files read one tensor at a time, and written so.

The format: 8 bytes little-endian, the length of a JSON header; the header, for each tensor its
dtype, shape and the place of its bytes; then the bytes. No code is in it.
https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.files import parse_json
from core.language import Message
from core.runs import RunError

Floats = NDArray[np.float32]
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
LONGEST_HEADER = 100 * 2**20


class PretrainedError(RunError):
    """A model that has no twin here, or a run that has none there; the sentence says why."""


class TensorFile:
    """One safetensors file, memory-mapped. Raises PretrainedError where it is not whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            size = path.stat().st_size
            with open(path, "rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if not 2 <= length <= min(size - 8, LONGEST_HEADER):
                    raise ValueError(Message("it is cut off"))
                header = parse_json(file.read(length))
            if not isinstance(header, dict):
                raise ValueError(Message("its head names no tensors"))
            header.pop("__metadata__", None)
            self._about = {str(name): _checked(one, size - 8 - length) for name, one in
                           header.items()}  # fmt: skip
            self._bytes = np.memmap(path, np.uint8, "r", 8 + length) if self._about else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PretrainedError(
                Message("{file} can't be read: {reason}", file=path.name, reason=error)
            ) from error

    @property
    def names(self) -> list[str]:
        """The names of its tensors."""
        return list(self._about)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one tensor."""
        return self._about[name][1]

    def read(self, name: str) -> Floats:
        """One tensor as float32, which holds every F16 and BF16 number exactly."""
        dtype, shape, (begin, end) = self._about[name]
        if dtype not in DTYPES:
            raise PretrainedError(
                Message(
                    "{tensor} is of {dtype}; accepted: {accepted}",
                    tensor=name, dtype=dtype, accepted=", ".join(DTYPES),
                )
            )  # fmt: skip
        assert self._bytes is not None
        found = self._bytes[begin:end].view(DTYPES[dtype]).reshape(shape)
        if dtype == "BF16":  # the upper half of a float32
            return (found.astype(np.uint32) << 16).view(np.float32)
        return found.astype(np.float32, copy=False)


def _checked(one: Any, room: int) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    dtype, shape = str(one["dtype"]), tuple(int(n) for n in one["shape"])
    begin, end = (int(n) for n in one["data_offsets"])
    if min((0, *shape)) < 0 or not 0 <= begin <= end <= room:
        raise ValueError(Message("it is cut off"))
    if dtype in DTYPES and math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize != end - begin:
        raise ValueError(Message("a tensor's shape and bytes differ"))
    return dtype, shape, (begin, end)


def write(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]],
    tensors: Iterable[tuple[str, Floats]],
    metadata: Mapping[str, str] | None = None,
) -> str:
    """A safetensors file of float32, one tensor in memory at a time; returns its SHA-256.

    `tensors` come in the order of `shapes`. Raises OSError.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    place = 0
    for name, shape in shapes.items():
        end = place + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8 bytes
    digest = hashlib.sha256()
    with open(path, "wb") as file:

        def put(data: bytes | memoryview) -> None:
            digest.update(data)
            file.write(data)

        put(len(text).to_bytes(8, "little") + text)
        for (name, tensor), (expected, shape) in zip(tensors, shapes.items(), strict=True):
            assert (name, tensor.shape) == (expected, shape), f"{name} {tensor.shape} {shape}"
            put(np.ascontiguousarray(tensor, "<f4").reshape(-1).view(np.uint8).data)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def hash_of(paths: list[Path]) -> str:
    """The SHA-256 of files, one after the other, read in pieces."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while piece := file.read(2**20):
                digest.update(piece)
    return digest.hexdigest()
