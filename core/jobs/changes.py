"""Sleep until files appear or vanish in a folder: by inotify on Linux, elsewhere by looking again.

inotify through the C library, since its packages either poll in the process or start a thread;
figures in tests/benchmarks/NOTES.md.
"""

from __future__ import annotations

import ctypes
import logging
import os
import select
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.5  # where nothing is told
SETTLE_SECONDS = 0.002  # between two looks, whatever is told

_CLOSED_WRITTEN, _MOVED_FROM, _MOVED_TO, _DELETED = 0x8, 0x40, 0x80, 0x200  # linux/inotify.h
_SELF_DELETED, _SELF_MOVED, _ONLY_FOLDER = 0x400, 0x800, 0x01000000
_EVENTS = _CLOSED_WRITTEN | _MOVED_FROM | _MOVED_TO | _DELETED
_MASK = _EVENTS | _SELF_DELETED | _SELF_MOVED | _ONLY_FOLDER
_HEADER = 16  # bytes of struct inotify_event before its name


class Changes:
    """What was put into, renamed in or removed from some folders, or was written and closed there.

    A lock whose holder was killed counts as closed. Hidden files count for nothing. Use: look for
    work, then :meth:`wait`, then look again. What happens in between is not lost.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._silent = False  # nothing is told here
        self._fd = -1
        if sys.platform == "linux":
            self._c = ctypes.CDLL(None, use_errno=True)
            self._fd = self._c.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._told = self._watch()

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def wait(self, seconds: float) -> bool:
        """Sleep until something changes, at most so long; returns whether something did.

        Where changes are not told of every folder it returns after half a second.
        """
        deadline = time.monotonic() + (seconds if self._told else min(seconds, POLL_SECONDS))
        told = False
        while not told and (left := deadline - time.monotonic()) > 0:
            if self._fd < 0:
                time.sleep(left)
            elif select.select([self._fd], [], [], left)[0]:
                time.sleep(SETTLE_SECONDS)
                told = self._read()
        self._told = self._watch()
        return told

    def missed(self) -> None:
        """Work was found that no event had told of: look again at intervals from now on."""
        if not self._silent:
            logging.getLogger(__name__).warning(
                "changes in %s are not told here (%s); it is looked at every %g s instead",
                " and ".join(map(str, self._folders)),
                "a network's file system?" if sys.platform == "linux" else sys.platform,
                POLL_SECONDS,
            )
        self._silent, self._told = True, False

    def _watch(self) -> bool:
        """Watch the folders that exist now; returns whether all of them can be watched."""
        if self._fd < 0 or self._silent:
            return False
        watch = self._c.inotify_add_watch
        watched = [watch(self._fd, os.fsencode(one), _MASK) >= 0 for one in self._folders]
        return all(watched)

    def _read(self) -> bool:
        """Take the events that have come; returns whether one is about a file that counts."""
        data, counts = os.read(self._fd, 65_536), False
        while data:
            size = _HEADER + int.from_bytes(data[12:_HEADER], sys.byteorder)
            counts |= not data[_HEADER:size].startswith(b".")  # a folder's own event has no name
            data = data[size:]
        return counts
