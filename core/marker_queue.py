"""One queue for all that waits: a folder with a marker file for each, named in their order.

Runs, questions to checkpoints and commands to a run wait in such folders. Whoever removes a marker
has what it stands for: two can't. Markers in ``held`` wait until they are released, at their old
position in the order. The number in front of a name decides the order: the time at which it was put
there, and whoever is moved gets one between those of its new neighbours by one renaming. So a crash
in between loses nothing, and what was taken meanwhile stays taken. Beside the rooms that use it,
because a run's directory is one of them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from core.files import NEW, read_bytes

MARKER = re.compile(r"(\d+)[-_](.+)", re.DOTALL)
GAP = 10**6  # between numbers that are given anew
TRIES = 5  # to move what others move at the same time

Where = Literal["first", "last", "up", "down"]
WHERE: tuple[Where, ...] = get_args(Where)


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
        self._write(self._name(self._last(_markers(self.folder)), id), text)

    def put(self, id: str, text: str = "", place: Callable[[list[str]], int] = len) -> None:
        """Put it at the end, or where `place` says among the ids that wait; what is there or held
        keeps its position and gets the new text.

        Raises OSError when the folder can't be written.
        """
        self.release(id)
        name = next(iter(_named(self.folder, id)), None)
        if name is None:
            waiting = _markers(self.folder)
            at = place([_id(one) for one in waiting])
            self._write(self._name(self._number(self.folder, waiting, at), id), text)
        elif _text(self.folder / name) != text:
            self._write(name, text)

    def move(self, id: str, where: Where) -> bool:
        """Give what waits, held or not, another position; False where it does not wait (any more).

        Among those that may be taken, or among those that are held.
        """
        for folder in (self.folder, self._held):
            for _ in range(TRIES):
                names = _markers(folder)
                own = next((name for name in names if _id(name) == id), None)
                if own is None:
                    break
                now = names.index(own)
                rest = [name for name in names if name != own]
                to = {"first": 0, "last": len(rest), "up": now - 1, "down": now + 1}[where]
                to = min(max(to, 0), len(rest))
                if to == now:
                    return True
                with contextlib.suppress(FileNotFoundError):  # taken or moved this very moment
                    os.rename(folder / own, folder / self._name(self._number(folder, rest, to), id))
                    return True
        return False

    def _last(self, names: list[str]) -> int:
        """A number behind all of these and all that are held, also where the clock was set back."""
        newest = max(map(_order, (*names, *_markers(self._held))), default=-1)
        return max(time.time_ns(), newest + 1)

    def _name(self, number: int, id: str) -> str:
        return f"{number:020d}{self._separator}{id}"

    def _number(self, folder: Path, names: list[str], at: int) -> int:
        """A number that stands before the marker at a place among `names`, in their order.

        Where there is none between two, those before it make room, the first of them first, so
        that their order holds at every moment.
        """
        if at >= len(names):
            return self._last(names)
        after = _order(names[at])
        if at == 0:
            return max(after - GAP, 0)
        if after - _order(names[at - 1]) > 1:
            return (after + _order(names[at - 1])) // 2
        least = after - GAP * (at + 1)
        for turn, name in enumerate(names[:at]):
            to = min(_order(name), least + GAP * turn)
            with contextlib.suppress(FileNotFoundError):  # taken: it needs no place
                os.rename(folder / name, folder / self._name(to, _id(name)))
        return after - GAP

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
        for _ in range(TRIES):
            names = _named(self.folder, id)
            if not names:
                return None
            text = _text(self.folder / names[0])
            if text or names == _named(self.folder, id):  # else it was moved this very moment
                return text
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
        for _ in range(TRIES):
            names = _named(self.folder, id)
            removed = [_removed(self.folder / name) for name in names]
            if any(removed) or not names:
                return any(removed)
        return False  # moved at each of these moments

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


def _order(name: str) -> int:
    found = MARKER.fullmatch(name)
    return int(found.group(1)) if found else 0


def _id(name: str) -> str:
    found = MARKER.fullmatch(name)
    return found.group(2) if found else ""


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8")
    except (OSError, ValueError):
        return ""


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False  # somebody was quicker
    return True


def _move(source: Path, target: Path, id: str) -> bool:
    for _ in range(TRIES):
        moved, names = False, _named(source, id)
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # somebody was quicker
                os.rename(source / name, target / name)
                moved = True
        if moved or not names:
            return moved
    return False
