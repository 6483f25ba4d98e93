"""Locks on files: the kernel drops them when the process that holds them dies, however it dies.

A pid with its start time counts zombies as alive and repeats after a reboot; ``flock`` does not.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from pathlib import Path

from core.language import Message
from core.runs import lease

# A lock is a file of its own: no link is followed, and no FIFO is waited for.
SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


TRIES, MOMENT = 5, 0.002  # seconds: whoever only looks whether it is locked holds it that short


class Lock:
    """An exclusive lock on a file, held until :meth:`release` or the end of the process.

    With `folder` the file's folder is locked too. A file can be removed or replaced while it is
    locked, and then nobody finds its lock; the folder can't be without what it holds. A folder that
    another machine works in (:mod:`core.runs.lease`) is nobody's here, but for who follows that
    work `elsewhere`.
    """

    def __init__(self, path: Path, folder: bool = False, elsewhere: bool = False) -> None:
        self.path = path
        self._with_folder, self._elsewhere = folder, elsewhere
        self._fd: int | None = None
        self._folder: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    @property
    def lost(self) -> bool:
        """Whether the file was removed or replaced while it was held: another may have it too."""
        return self._fd is not None and not self._is_named(self._fd)

    @property
    def descriptor(self) -> int:
        """The open file of a lock that is held: a process that inherits it holds the lock too."""
        assert self._fd is not None
        return self._fd

    def adopt(self, descriptor: int) -> None:
        """Hold the lock by a descriptor that was handed over; this process's children do not.

        Raises OSError where the file is not open.
        """
        os.set_inheritable(descriptor, False)
        self._fd = descriptor
        self.write(os.getpid())

    def write(self, pid: int) -> None:
        """Say who holds it, for people who look, where there is room; the lock is the truth."""
        with contextlib.suppress(OSError):
            os.pwrite(self.descriptor, str(pid).encode(), 0)
            os.ftruncate(self.descriptor, len(str(pid)))

    def acquire(self, wait: bool = False) -> bool:
        """Take the lock if nobody has it, or with `wait` once nobody has; True when it is ours.

        False too where the file was moved away meanwhile, with the run that was deleted.
        Raises OSError where it can't be written, is a link, or is not a regular file: a link that
        somebody planted would have the holder's pid written over whatever it points to. With
        `folder` anything else than a regular file is set aside. Raises OSError with a sentence
        where the file system has no locks.
        """
        if self.held:
            return True
        if self._with_folder and not self._take_folder():
            return False
        if self._with_folder and not self._elsewhere and lease.is_fresh(self.path.parent):
            self.release()
            return False
        try:
            taken = self._take_file(wait)
        except BaseException:
            self.release()
            raise
        if not taken:
            self.release()
            return False
        self.write(os.getpid())
        return True

    def _take_folder(self) -> bool:
        try:
            fd = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            taken = _locked(fd, wait=False)
        except OSError:  # NFS locks no folders; the file alone has to do
            os.close(fd)
            return True
        if not taken:
            os.close(fd)
            return False
        self._folder = fd
        return True

    def _take_file(self, wait: bool) -> bool:
        if self._folder is not None:
            self._set_aside()
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | SAFELY, 0o644)
        except FileNotFoundError:
            return False
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, Message("it is not a regular file"), str(self.path))
            try:
                taken = _locked(fd, wait)
            except OSError as error:
                raise OSError(error.errno, NO_LOCKS, str(self.path)) from error
            if not (taken and self._is_named(fd)):
                os.close(fd)
                return False
        except OSError:
            os.close(fd)
            raise
        self._fd = fd
        return True

    def _is_named(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), os.stat(self.path))
        except OSError:
            return False

    def _set_aside(self) -> None:
        """Make way for the file where something else has its name; the folder is ours."""
        with contextlib.suppress(OSError):
            if not stat.S_ISREG(os.lstat(self.path).st_mode):
                os.rename(self.path, self.path.with_name(f"{self.path.name}.damaged"))

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        for fd in (self._fd, self._folder):
            if fd is not None:
                os.close(fd)
        self._fd = self._folder = None


NO_LOCKS = Message(
    "its file system can't lock files; put the runs on a local disk and name it with ADDNORM_RUNS"
)


def _locked(fd: int, wait: bool) -> bool:
    """Lock an open file; False where somebody else has it. Raises OSError where nothing can be
    locked."""
    for left in reversed(range(TRIES)):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return True
        except BlockingIOError:
            if left:
                time.sleep(MOMENT)
    return False


def is_locked(path: str | Path) -> bool:
    """Whether some process holds the lock on `path`; False when there is no such file.

    Probes with a shared lock, so that two probes at once do not take each other for a holder.
    """
    try:
        fd = os.open(path, os.O_RDONLY | SAFELY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without locks, on which nobody holds one
    finally:
        os.close(fd)
    return False


def is_at_work(run: str | Path) -> bool:
    """Whether some process holds the lock of a run's directory: its file's, or, where that was
    removed or replaced, the directory's own; or another machine trains it."""
    return is_locked(f"{run}/lock") or is_locked(run) or lease.is_fresh(run)
