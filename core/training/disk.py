"""What a run writes while it trains is written beside the training, in its order, by one thread.

A disk that stalls costs no step, and one that is full costs no row: what can't be written waits
until there is room, and the training with it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from core.files import is_full

Job = Callable[[], object]

MOST_BYTES = 64 * 2**20  # that wait to be written; with more the training waits too
RETRY_SECONDS = 1.0  # between two tries on a full disk
LINGER_SECONDS = 1.0  # with nothing to write, then the thread ends


class Disk:
    """A queue of writes. Only the training's thread puts something into it.

    `full` says that the disk is; whoever would wait for it then calls `when_full` instead, which
    returns when it is not any more, or raises. Without one a full disk is an error as any other.
    """

    def __init__(self) -> None:
        self.full = False
        self.when_full: Callable[[], None] | None = None
        self._jobs: deque[tuple[Job, int]] = deque()
        self._bytes = 0
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """Bytes that are not written yet, as far as they were told."""
        return self._bytes

    def later(self, job: Job, size: int = 0) -> None:
        """Write something of so many bytes soon. Raises what an earlier write raised."""
        with self._changed:
            self._raise()
            self._jobs.append((job, size))
            self._bytes += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="disk", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        self._until(lambda: self._bytes <= MOST_BYTES)

    def now(self, job: Job, size: int = 0) -> None:
        """Write something, after all that waits. Raises what a write raised."""
        self.later(job, size)
        self.settle()

    def settle(self) -> None:
        """Return when all is written. Raises what a write raised."""
        self._until(lambda: not self._jobs)

    def check(self) -> None:
        """Raise what a write raised; on a full disk wait for room."""
        self._until(lambda: not self.full)

    def give_up(self) -> None:
        """Forget what waits: nobody will write it any more."""
        with self._changed:
            self._jobs.clear()
            self._bytes, self.full = 0, False
            self._changed.notify_all()

    def _until(self, done: Callable[[], bool]) -> None:
        while True:
            with self._changed:
                while not (done() or self._error or self.full):
                    self._changed.wait()
                self._raise()
                if done():
                    return
            assert self.when_full is not None
            self.when_full()

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._jobs:
                    self._changed.wait(LINGER_SECONDS)
                if not self._jobs:
                    self._thread = None
                    return
                first = self._jobs[0]
            try:
                first[0]()
            except Exception as error:
                full = is_full(error) and self.when_full is not None
                with self._changed:
                    if self._jobs and self._jobs[0] is first:
                        self.full = full
                        if not full:  # what is behind it would leave a hole
                            self._error = error
                            self._jobs.clear()
                            self._bytes = 0
                    self._changed.notify_all()
                    if full:
                        self._changed.wait(RETRY_SECONDS)
                continue
            with self._changed:
                if self._jobs and self._jobs[0] is first:
                    self._jobs.popleft()
                    self._bytes -= first[1]
                    self.full = False
                self._changed.notify_all()
