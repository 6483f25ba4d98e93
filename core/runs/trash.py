"""Deleted runs, kept for a while: ``<root>/.trash/<time>_<id>``, each still the run's directory.

The trash lies inside the runs folder, so that deleting and restoring are one rename on one file
system: no reader meets half a run. No listing of runs looks at names that begin with a dot.
What is removed for good is first renamed to ``<root>/.deleted-...``, which is never a run again;
where its removal was interrupted (a crash, a full disk), the next look clears the remnant. So it
does with what was being made or imported under a hidden name when its maker ended.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.files import NEW, folder_size, read_json, usage
from core.language import Message
from core.runs import read_only
from core.runs.locks import is_at_work

FOLDER = ".trash"
DOOMED = ".deleted-"
# Hidden names of runs that are not whole yet. Their maker holds the folder's `lock`.
IMPORTED = ".import-"
QUEUES = (".queue", ".inspections")
ABANDONED = 3_600  # seconds without a change after which something unfinished has no maker
JUST_MADE = 60  # seconds that a maker has to take the lock, or to give the folder its name
DAYS = 30
DAY = 86_400
SHORT = 2**30  # bytes free: with less the oldest deleted runs go
SPARED = 600  # seconds in which Undo works even where space is short


@dataclass(frozen=True)
class Deleted:
    """One run in the trash; `at` is when it was deleted, in seconds since 1970."""

    path: Path
    id: str
    at: float

    @property
    def key(self) -> str:
        """Its name in the trash. One id can be there twice: deleted, imported and deleted again."""
        return self.path.name

    @property
    def name(self) -> str:
        """The run's name."""
        try:
            return str(read_json(self.path / "meta.json")["name"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return self.id

    def size(self) -> int:
        """Bytes on disk."""
        return folder_size(self.path)

    def days_left(self, now: float | None = None) -> int:
        """Days until it is removed, rounded up."""
        since = (time.time() if now is None else now) - self.at
        return max(0, math.ceil(DAYS - since / DAY))


@dataclass(frozen=True)
class Cleared:
    """What was removed for good: how many `remnants` of interrupted deletions, of runs and of
    imports that were never whole, how many runs that were `expired`, how many because space was
    `short`, and the `bytes` of all of them."""

    remnants: int = 0
    expired: int = 0
    short: int = 0
    bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.remnants or self.expired or self.short)

    def sentences(self) -> list[str]:
        """One for each reason for which something was removed."""
        said: list[str] = []
        if self.remnants:
            said.append(
                Message(
                    "Cleared what an interrupted deletion or import had left.",
                    "Cleared what {n:,} interrupted deletions or imports had left.",
                    n=self.remnants,
                )
            )
        if self.expired:
            said.append(
                Message(
                    "{counted} left the trash for good, {days} days after deletion.",
                    counted=counted(self.expired),
                    days=DAYS,
                )
            )
        if self.short:
            said.append(
                Message(
                    "{counted} left the trash for good: less than {short} GB are free on this"
                    " disk.",
                    counted=counted(self.short),
                    short=SHORT // 2**30,
                )
            )
        return said


def counted(runs: int) -> str:
    """`1 run`, `3 runs`."""
    return Message("{n:,} run", "{n:,} runs", n=runs)


class Trash:
    """The deleted runs of a runs folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / FOLDER

    def list(self) -> list[Deleted]:
        """The deleted runs that can be restored, the newest first."""
        found = (self._entry(name) for name in _names(self.path))
        return sorted((one for one in found if one), key=lambda one: one.key, reverse=True)

    def _entry(self, name: str) -> Deleted | None:
        stamp, _, id = name.partition("_")
        if not (stamp.isdecimal() and id):
            return None
        return Deleted(self.path / name, id, int(stamp) / 1e9)

    def find(self, name: str) -> Deleted | None:
        """The one with this key, or the last that was deleted with this id."""
        return next((one for one in self.list() if name in (one.key, one.id)), None)

    def put(self, run: Path) -> Deleted:
        """Move a run's directory here, at once. Raises OSError, and then the run is as it was."""
        self.path.mkdir(exist_ok=True)
        target = self.path / f"{time.time_ns():020d}_{run.name}"
        os.rename(run, target)
        found = self._entry(target.name)
        assert found is not None
        return found

    def take_back(self, deleted: Deleted) -> Path:
        """Make it a run again, at once. Raises FileExistsError where its id is taken, OSError."""
        target = self.root / deleted.id
        if os.path.lexists(target):  # the rename would replace an empty directory
            raise FileExistsError(target)
        os.rename(deleted.path, target)
        return target

    def remove(self, deleted: Iterable[Deleted]) -> Cleared:
        """Remove these for good; `bytes` counts what is gone. Raises RunError where runs are only
        to look at, OSError."""
        read_only.refuse()
        return Cleared(bytes=sum(self.destroy(one.path) for one in deleted))

    def destroy(self, folder: Path) -> int:
        """Remove a directory for good, a run's or one of the trash; returns the bytes that are
        free then: what a fork shares with it stays.

        Raises OSError where it can't even be renamed, and then it is as it was.
        """
        size = usage(folder).own
        doomed = self.root / f"{DOOMED}{time.time_ns()}-{folder.name}"
        os.rename(folder, doomed)  # at once: from here on it is nothing but a remnant
        return size if _gone(doomed) else 0

    def sweep(self, now: float | None = None, free: int | None = None) -> Cleared:
        """Clear remnants, and what :meth:`expire` removes. Where runs are only to look at nothing
        is removed."""
        if read_only.is_read_only():
            return Cleared()
        remnants = size = 0
        for path in self._remnants(time.time() if now is None else now):
            bytes_ = usage(path).own
            if _gone(path):
                remnants, size = remnants + 1, size + bytes_
        old = self.expire(now, free)
        return Cleared(remnants, old.expired, old.short, size + old.bytes)

    def _remnants(self, now: float) -> Iterator[Path]:
        """Remains of deletions, and of runs whose creating process has ended."""
        for name in _names(self.root):
            if name.startswith(DOOMED) or (
                name.startswith((NEW, IMPORTED)) and _abandoned(self.root / name, now)
            ):
                yield self.root / name
        for folder in QUEUES:  # markers of a run or a question that waits
            for name in _names(self.root / folder):
                if name.startswith(NEW) and _abandoned(self.root / folder / name, now):
                    yield self.root / folder / name

    def expire(self, now: float | None = None, free: int | None = None) -> Cleared:
        """Remove what was deleted more than 30 days ago, and the oldest while space is short.

        `now` in seconds since 1970 and `free` bytes of the disk are measured where not given.
        """
        now = time.time() if now is None else now
        expired = short = size = 0
        entries = self.list()
        if not entries or read_only.is_read_only():
            return Cleared()
        if free is None:
            free = shutil.disk_usage(self.root).free
        for one in reversed(entries):
            old = now - one.at > DAYS * DAY
            if not old and (free >= SHORT or now - one.at < SPARED):
                continue
            with contextlib.suppress(OSError):  # another program was quicker, or it can't be
                bytes_ = self.destroy(one.path)
                expired, short = expired + old, short + (not old)
                size, free = size + bytes_, free + bytes_
        return Cleared(expired=expired, short=short, bytes=size)


def _abandoned(path: Path, now: float) -> bool:
    """Whether its maker is gone: its lock is free, or it has not changed for an hour."""
    lock = path / "lock"
    if is_at_work(path):
        return False
    try:
        changed = [path.lstat().st_mtime]
        if not path.is_symlink():
            changed += [one.lstat().st_mtime for one in path.rglob("*")]
    except OSError:
        return False  # it has just got its name
    return now - max(changed) > (JUST_MADE if lock.exists() else ABANDONED)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []  # nothing was ever deleted


def _gone(path: Path) -> bool:
    """Remove a directory, of a link only the link; returns whether nothing is left."""
    if path.is_symlink() or path.is_file():
        with contextlib.suppress(OSError):
            path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
    return not os.path.lexists(path)
