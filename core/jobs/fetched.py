"""A run's directory here, kept as a node has it that does not see this one.

Pieces of files come from :meth:`core.jobs.ray_node.Trainer.look`. A file is replaced as a whole, or
added to where it only grows; what comes under a name that no run has is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.files import NEW, write_atomically
from core.jobs.ray_node import BUDGET, GROWING, crc_of
from core.runs import Run
from core.runs.validate import KEPT, files_of

Piece = tuple[str, int, int, bytes]  # path, offset, the size of the whole file, what stands there
LOG = "log.txt"


class MissingPieceError(Exception):
    """What came does not continue what is here: everything has to be told of anew."""


def wanted(run: Run) -> list[str]:
    """The files that going on elsewhere needs: all but older checkpoints."""
    newest = run.resumes_at
    return [
        name
        for name in files_of(run.path)
        if newest is None
        or not name.startswith("checkpoints/")
        or Path(name).name.startswith(f"step-{newest:09d}.")
    ]


def pieces(run: Run, name: str) -> Iterator[tuple[int, bytes]]:
    """A file of a run in pieces that a call can carry, each with its offset."""
    with open(run.path / name, "rb") as file:
        at = 0
        while data := file.read(BUDGET):
            yield at, data
            at += len(data)
        if not at:
            yield 0, b""


def manifest(run: Run) -> dict[str, tuple[int, int]]:
    """Size and CRC-32 of each file that is here."""
    return {
        name: (os.path.getsize(run.path / name), crc_of(str(run.path / name)))
        for name in (*files_of(run.path), LOG)
        if (run.path / name).is_file()
    }


def take(run: Run, found: Iterable[Piece], gone: Iterable[str]) -> None:
    """Write what is new. Raises MissingPieceError, and OSError where it can't be written."""
    for path, at, size, data in found:
        if not (KEPT.fullmatch(path) or path == LOG):
            continue
        target = run.path / path
        target.parent.mkdir(exist_ok=True)
        if at == 0 and len(data) == size:
            write_atomically(target, data)
        elif GROWING.fullmatch(path):
            _add(target, at, data)
        else:
            part = target.with_name(f"{NEW}{target.name}")
            _add(part, at, data)
            if at + len(data) == size:
                os.replace(part, target)
    for path in gone:
        if KEPT.fullmatch(path):
            (run.path / path).unlink(missing_ok=True)


def _add(target: Path, at: int, data: bytes) -> None:
    if at and (not target.exists() or target.stat().st_size < at):
        raise MissingPieceError(target.name)
    with open(target, "r+b" if at else "wb") as file:
        file.seek(at)
        file.write(data)
        file.truncate()
