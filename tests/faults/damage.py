"""What can happen to a file, or to a folder, of a run."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path


def truncated(path: Path, rng: random.Random) -> None:
    """Cut somewhere."""
    size = path.stat().st_size
    os.truncate(path, rng.randrange(max(size, 1)))


def emptied(path: Path, rng: random.Random) -> None:
    """Without a byte."""
    os.truncate(path, 0)


def flipped(path: Path, rng: random.Random) -> None:
    """One bit is another."""
    content = bytearray(path.read_bytes() or b"\0")
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    with open(path, "r+b") as file:  # in place, as a disk does it
        file.write(content)


def removed(path: Path, rng: random.Random) -> None:
    """Gone."""
    path.unlink()


def folder(path: Path, rng: random.Random) -> None:
    """A folder stands in its place."""
    path.unlink()
    path.mkdir()


def linked(path: Path, rng: random.Random) -> None:
    """A link to the same content elsewhere."""
    other = path.parent.parent / f"elsewhere-{rng.randrange(10**6)}"
    shutil.move(path, other)
    path.symlink_to(other)


def dangling(path: Path, rng: random.Random) -> None:
    """A link to nothing."""
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


def pipe(path: Path, rng: random.Random) -> None:
    """A named pipe that nobody writes to."""
    path.unlink()
    os.mkfifo(path)


def unreadable(path: Path, rng: random.Random) -> None:
    """Closed to its owner; of no effect on root."""
    path.chmod(0)


HUGE = b"x" * 10 * 2**20


def huge(path: Path, rng: random.Random) -> None:
    """Ten megabytes of something else at its end."""
    with open(path, "ab") as file:
        file.write(HUGE)


WAYS: dict[str, Callable[[Path, random.Random], None]] = {
    "truncated": truncated,
    "emptied": emptied,
    "a bit flipped": flipped,
    "removed": removed,
    "a folder in its place": folder,
    "a link in its place": linked,
    "a link to nothing": dangling,
    "a named pipe in its place": pipe,
    "made unreadable": unreadable,
    "10 MB appended": huge,
}
