"""One queue for all that waits: a folder with a marker file for each, named in their order.

Runs, questions to checkpoints and commands to a run wait in such folders. Whoever removes a marker
has what it stands for: two can't. Markers in ``held`` wait until they are released, at their old
position in the order. Beside the rooms that use it, because a run's directory is one of them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from pathlib import Path
from typing import NamedTuple

from core.files import NEW

MARKER = re.compile(r"(\d+)[-_](.+)", re.DOTALL)


class Marker(NamedTuple):
    """What waits, and what was written down with it ("" where it can't be read)."""

    id: str
    text: str


class MarkerQueue:
    """The markers of a folder, oldest first. A folder that is not there is an empty queue.

    An `id` is a file's name: no slash. `separator` ("_" or "-") stands between the time and the id.
    """

    def __init__(self, folder: Path, separator: str = "_") -> None:
        self.folder = folder
        self._held = folder / "held"
        self._separator = separator

    def waiting(self) -> list[str]:
        """Ids of what may be taken, next first."""
        return [_id(name) for name in _markers(self.folder)]

    def held(self) -> list[str]:
        """Ids of what nobody may take for now, next first."""
        return [_id(name) for name in _markers(self._held)]

    def append(self, id: str, text: str = "") -> None:
        """Put it at the end, even where it waits already. Raises OSError."""
        self._write(f"{time.time_ns():020d}{self._separator}{id}", text)

    def put(self, id: str, text: str = "") -> None:
        """Put it at the end; what is there or held keeps its position and gets the new text.

        Raises OSError when the folder can't be written.
        """
        self.release(id)
        name = next(iter(_named(self.folder, id)), None)
        if name is None:
            self.append(id, text)
        elif _text(self.folder / name) != text:
            self._write(name, text)

    def _write(self, name: str, text: str) -> None:
        self.folder.mkdir(exist_ok=True)
        made = self.folder / f"{NEW}{secrets.token_hex(6)}"
        # For this user's eyes: the address of a proxy may have a password in it. Not flushed to the
        # disk, since a crash of the machine ends whoever would take it too.
        with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        os.rename(made, self.folder / name)

    def read(self, id: str) -> str | None:
        """The text stored with a marker; None where no such marker waits."""
        for name in _named(self.folder, id):
            return _text(self.folder / name)
        return None

    def hold(self, id: str) -> bool:
        """Keep it from being taken; False when it does not wait (any more)."""
        self._held.mkdir(parents=True, exist_ok=True)
        return _move(self.folder, self._held, id)

    def release(self, id: str) -> bool:
        """Let what was held be taken again; False when it was not held."""
        return _move(self._held, self.folder, id)

    def take(self, id: str) -> bool:
        """Take it out of the queue; False when someone else did."""
        removed = [_removed(self.folder / name) for name in _named(self.folder, id)]
        return any(removed)

    def take_all(self) -> list[Marker]:
        """Take everything out of the queue, oldest first."""
        found = []
        for name in _markers(self.folder):
            text = _text(self.folder / name)
            if _removed(self.folder / name):
                found.append(Marker(_id(name), text))
        return found

    def forget(self, id: str) -> None:
        """Take it out of the queue, held or not."""
        self.take(id)
        for name in _named(self._held, id):
            _removed(self._held / name)


def _markers(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if MARKER.fullmatch(name))
    except OSError:
        return []  # nothing was ever queued


def _named(folder: Path, id: str) -> list[str]:
    return [name for name in _markers(folder) if _id(name) == id]


def _id(name: str) -> str:
    found = MARKER.fullmatch(name)
    return found.group(2) if found else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False  # somebody was quicker
    return True


def _move(source: Path, target: Path, id: str) -> bool:
    moved = False
    for name in _named(source, id):
        with contextlib.suppress(FileNotFoundError):  # somebody was quicker
            os.rename(source / name, target / name)
            moved = True
    return moved
