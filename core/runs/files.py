"""Writing files so that a reader, or a crash, never meets half of one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace `path` as a whole: written beside it, flushed to the disk, then renamed.

    Raises OSError (a full disk, a vanished directory) and leaves the old file as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """`value` as JSON, atomically."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def read_json(path: str | Path) -> Any:
    """The parsed file; raises OSError or ValueError."""
    with open(path, "rb") as file:
        return json.loads(file.read())


Signature = tuple[int, int, int]


def signature(path: str | Path) -> Signature | None:
    """What changes whenever a file is replaced or grows; None where there is none.

    The time alone has the clock's grain: two writes within one tick of it look the same.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def folder_size(path: str | Path) -> int:
    """Bytes of a folder's files, of links their own; what vanishes meanwhile is not counted."""
    total = 0
    for folder, _, files in os.walk(path):
        for file in files:
            try:
                total += os.lstat(os.path.join(folder, file)).st_size
            except OSError:
                continue
    return total
