"""What the two detached processes of a runs folder share: waiting for work, and when to end."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from core.jobs.changes import Changes
from core.jobs.processes import Service, command
from core.marker_queue import MarkerQueue
from core.runs import RunStore
from core.runs.locks import Lock

IDLE_SECONDS = 600
LOOK_SECONDS = 5  # between looks where nothing is told
RETRY_SECONDS = 0.5  # the same while something waits that could not be taken
SOURCE = Path(__file__).resolve().parents[1]

Job = TypeVar("Job")


class Worker:
    """A warm process that takes work from a queue and sleeps until a change of files brings some.

    `others`: further folders whose changes may make work possible.
    """

    service: Service

    def __init__(self, store: RunStore, queue: MarkerQueue, *others: Path) -> None:
        self.store, self.queue, self._others = store, queue, others
        self._lock = Lock(self.service.lock(store.root))
        self._born = newest_source()
        self._changes: Changes | None = None

    @property
    def outdated(self) -> bool:
        """Whether something waits although the program was changed after this process loaded it.

        A warm process must not work with old code.
        """
        return bool(self.queue.waiting()) and newest_source() != self._born

    def begin(self) -> bool:
        """Become the one process of the folder; False where there is one already."""
        if len(sys.argv) > 2:  # whoever started this one holds the lock for it
            self._lock.adopt(int(sys.argv[2]))
            return True
        return self._lock.acquire()

    def leave(self) -> None:
        """Let another process become the one of the folder."""
        self._lock.release()

    def restart(self) -> NoReturn:
        """Load the program anew, in this process and with its lock."""
        os.set_inheritable(self._lock.descriptor, True)
        os.execv(sys.executable, command(self.service, self.store.root, self._lock))

    def next(
        self,
        look: Callable[[], Job | None],
        busy: Callable[[], bool] = lambda: False,
    ) -> Job | None:
        """The next job that `look` finds; it is called again whenever files have changed.

        None after ten minutes without one in which nothing waited and `busy` said that no more will
        come; at once where the program is outdated, the runs folder is gone, or the lock's file was
        taken away, so that another process can be the one of the folder.
        """
        changes = self.changes
        deadline, told, waited = time.monotonic() + IDLE_SECONDS, True, False
        while self.store.root.is_dir() and not self.outdated and not self._lock.lost:
            found = look()
            if found is not None:
                if not told and not waited:
                    changes.missed()
                return found
            waited = bool(self.queue.waiting())
            if waited or busy():
                deadline = time.monotonic() + IDLE_SECONDS
            if time.monotonic() > deadline:
                return None
            told = changes.wait(RETRY_SECONDS if waited else LOOK_SECONDS)
        return None

    @property
    def changes(self) -> Changes:
        """The changes of folders that wake this process."""
        if self._changes is None:
            with contextlib.suppress(OSError):  # where it can't be made, there is nothing to do
                self.queue.folder.mkdir(exist_ok=True)
            self._changes = Changes(self.queue.folder, *self._others)
        return self._changes


def newest_source() -> float:
    """When the program was changed last."""
    times = [
        os.stat(os.path.join(folder, file)).st_mtime
        for folder, _, files in os.walk(SOURCE)
        for file in files
        if file.endswith(".py")
    ]
    return max(times)
