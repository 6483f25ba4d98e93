"""Advisory locks that the kernel drops when their holder dies, however it dies.

A pid with its start time counts zombies as alive and repeats after a reboot; ``flock`` does not.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

# A lock is a file of its own: no link is followed, and no FIFO is waited for.
SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Lock:
    """An exclusive lock on a file, held until :meth:`release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

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
        """Say who holds it, for people who look; the lock is the truth."""
        os.pwrite(self.descriptor, str(pid).encode(), 0)
        os.ftruncate(self.descriptor, len(str(pid)))

    def acquire(self, wait: bool = False) -> bool:
        """Take the lock if nobody has it, or with `wait` once nobody has; True when it is ours.

        False too where the file was moved away meanwhile, with the run that was deleted.
        Raises OSError where it can't be written, is a link, or is not a regular file: a link that
        somebody planted would have the holder's pid written over whatever it points to.
        """
        if self.held:
            return True
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | SAFELY, 0o644)
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "it is not a regular file", str(self.path))
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            moved = not os.path.samestat(os.fstat(fd), os.stat(self.path))
        except OSError:
            moved = True
        if moved:
            os.close(fd)
            return False
        self._fd = fd
        self.write(os.getpid())
        return True

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


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
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
