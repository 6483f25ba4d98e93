"""One machine-wide registry of the jobs that are at work, whatever runs folder they belong to.

A job holds the lock of a file in the registry for as long as it works. Counting the held locks
tells how many share the processor; a killed job's lock is gone with it. Two torch programs that
each use all cores reach 0.42 of one's speed together, with one thread each 1.30.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from core.files import NEW
from core.jobs.room import Entry, Room, holds, room
from core.language import Message, joined, reason
from core.machine import DeviceKind, cores, slots
from core.runs.errors import RunError
from core.runs.locks import Lock, is_locked


def registry() -> Path:
    """The folder of lock files: under `$XDG_RUNTIME_DIR`, else the user's own in /tmp.

    Anybody may make folders in /tmp, so it is used only where it belongs to this user alone. Where
    it does not, the user's cache folder has the registry, and a warning says so once. Raises
    RunError where there is no such folder either.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    shared = Path(base) if base and os.access(base, os.W_OK) else Path(tempfile.gettempdir())
    problems: list[str] = []
    for root in (shared / f"addnorm-{os.getuid()}", platformdirs.user_cache_path("addnorm")):
        folder = root / "places"
        problem = _not_private(root) or _not_private(folder)
        if not problem:
            for sentence in problems:
                _warn(
                    Message(
                        "{sentence}; {folder} counts the runs at work instead",
                        sentence=sentence,
                        folder=folder,
                    )
                )
            return folder
        problems.append(problem)
    raise RunError(
        Message(
            "{problems}: name a folder of your own that you can write with XDG_RUNTIME_DIR",
            problems=joined(problems, "; "),
        )
    )


def _not_private(folder: Path) -> str:
    """Why a folder can't be trusted, else empty; one that is missing is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode):
            return Message("{folder} is a link and not a folder", folder=folder)
        if found.st_uid != os.getuid():
            return Message("{folder} belongs to another user", folder=folder)
        if found.st_mode & 0o077:  # ours, and made with a wide mask: nobody else has to write there
            os.chmod(folder, 0o700)
    except FileExistsError:
        return Message("{folder} is not a folder", folder=folder)
    except OSError as error:
        return Message("{folder} can't be used ({why})", folder=folder, why=reason(error))
    return ""


@functools.cache
def _warn(sentence: str) -> None:
    """Log a warning once in a process: the registry is looked up many times a second."""
    logging.getLogger(__name__).warning("%s", sentence)


def active() -> list[str]:
    """Names of the jobs at work, oldest first; files whose holder is gone are swept away."""
    held = []
    for path in sorted(registry().glob("[0-9]*")):
        if is_locked(path):
            held.append(path.name)
        else:
            path.unlink(missing_ok=True)
    return held


def entries() -> list[Entry]:
    """The jobs at work, oldest first, with what each needs."""
    return [Entry.of(name) for name in active()]


def free(kind: DeviceKind) -> int:
    """Slots of a kind that nobody has taken."""
    return max(0, slots(kind) - sum(name.endswith(kind) for name in active()))


def room_for(kind: DeviceKind) -> Room | None:
    """The memory that one more job of a kind could have."""
    return room(kind, entries())


@dataclass(frozen=True)
class Machine:
    """What this machine has and how much of it is in use."""

    cores: int
    slots: int
    active: int


def machine() -> Machine:
    """Cores, slots for processor runs, and jobs at work in all runs folders."""
    return Machine(cores(), slots("cpu"), len(active()))


class Slot:
    """A job's entry in the registry; `need` are the bytes that it may come to hold."""

    def __init__(self, kind: DeviceKind, need: int = 0) -> None:
        self.kind, self.need = kind, need
        # When it was last refused a slot was free, and too little memory; so much is never free.
        self.too_large = self.never_fits = False
        self._admitted = False
        self._lock: Lock | None = None

    @property
    def taken(self) -> bool:
        """Whether this job counts as at work."""
        return self._lock is not None

    def enter(self, wait: bool = True) -> bool:
        """Count as at work. With `wait` only where a slot is free and the memory that it needs;
        True when entered."""
        if self._lock is not None:
            return True
        folder = registry()
        gate = Lock(folder / ".gate")
        gate.acquire(wait=True)
        try:
            if wait and not self._fits(entries()):
                return False
            # Locked under another name first, so that no one sees it unlocked and sweeps it.
            name = f"{time.time_ns():020d}-{os.getpid()}-{self.need}-{self.kind}"
            lock = Lock(folder / f"{NEW}{name}")
            if not lock.acquire():
                return False
            os.replace(lock.path, folder / name)
            lock.path = folder / name
            self._lock, self._admitted = lock, True
            return True
        finally:
            gate.release()

    def grow(self, more: int) -> bool:
        """Take so many bytes more for another run of the same process; False where they are not
        there."""
        if self._lock is None:
            return False
        gate = Lock(self._lock.path.parent / ".gate")
        gate.acquire(wait=True)
        try:
            others = [one for one in entries() if one.name != self._lock.path.name]
            found = room(self.kind, others)
            if found is not None and self.need + more > found.beside + holds(
                self.kind, os.getpid()
            ):
                return False
            began = self._lock.path.name.partition("-")[0]
            name = f"{began}-{os.getpid()}-{self.need + more}-{self.kind}"
            os.replace(self._lock.path, self._lock.path.with_name(name))
            self._lock.path = self._lock.path.with_name(name)
            self.need += more
            return True
        except OSError:
            return False
        finally:
            gate.release()

    def _fits(self, others: list[Entry]) -> bool:
        """Whether a slot is free beside these jobs, and the memory that this one needs."""
        self.too_large = self.never_fits = False
        if sum(one.kind == self.kind for one in others) >= slots(self.kind):
            return False
        # Who comes back from a pause holds its memory still.
        found = room(self.kind, others) if self.need and not self._admitted else None
        if found is not None:
            self.too_large = self.need > found.beside + holds(self.kind, os.getpid())
            self.never_fits = self.need > found.total
        return not self.too_large

    def leave(self) -> None:
        """Give the slot to someone else."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._lock.path.unlink()
            self._lock.release()
            self._lock = None

    def share(self) -> int:
        """Threads that are this job's part of the processor now, at least 1."""
        if self.kind == "cuda" or self._lock is None:
            return 1 if self.kind == "cuda" else cores()
        names = active()
        if self._lock.path.name not in names:
            return 1
        each, spare = divmod(cores(), len(names))
        return max(1, each + (names.index(self._lock.path.name) < spare))
