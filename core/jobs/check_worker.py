"""The process that checks claims: ``python -m core.jobs.check_worker ROOT``.

There is one for each runs folder, by lock. It takes claims oldest first, counts among the machine's
jobs while it measures, and ends after ten idle minutes.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

import torch

from core.anatomy import CancelledError
from core.data.downloads import CorpusError
from core.evidence import named
from core.evidence.run import answer, device_kind
from core.files import is_full
from core.jobs import environment
from core.jobs.checks import Asked, check_queue
from core.jobs.inspections import Record
from core.jobs.processes import CHECKS
from core.jobs.slots import Slot
from core.jobs.worker import Worker
from core.language import Message, told
from core.runs import RunError, RunStore
from core.training.devices import is_out_of_memory

WRITE_SECONDS = 0.2  # between two states on disk


def main() -> None:
    """Measure until ten minutes pass without a claim."""
    checker = Checker(RunStore(sys.argv[1]))
    if not checker.begin():
        return
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    while checker.next(checker.take_one):
        pass
    if checker.outdated:
        checker.restart()


class Checker(Worker):
    """Measures the claims of one runs folder in this process."""

    service = CHECKS

    def __init__(self, store: RunStore) -> None:
        checks = check_queue(store.root)
        with contextlib.suppress(OSError):
            checks.folder.mkdir(parents=True, exist_ok=True)
        super().__init__(store, checks)

    def take_one(self) -> bool | None:
        """Measure the claim that waits longest; None where none waits."""
        return any(self._take(name) for name in self.queue.waiting()) or None

    def _take(self, name: str) -> bool:
        asked = Asked(self.store.root, name)
        lock = asked.lock()
        try:
            if not lock.acquire():
                return False
        except OSError:
            self.queue.forget(name)
            return False
        try:
            wanted = self.queue.read(name)
            self.queue.forget(name)
            state = asked.record
            if state is None or state.state != "waiting":
                return False
            environment.enter(wanted)  # whoever asked may have set what this process never saw
            self._measure(asked)
            return True
        finally:
            lock.release()

    def _measure(self, asked: Asked) -> None:
        slot = Slot("cuda" if device_kind() == "cuda" else "cpu")
        slot.enter(wait=False)  # somebody waits for the answer
        desk = Desk(asked)
        try:
            asked.write(Record("working", message="begins"))
            (claim,) = named([asked.claim])
            answer(claim, self.store, desk, again=True)
            ended = Record("done", 1.0)
        except CancelledError:
            ended = Record("cancelled", desk.progress, "cancelled")
        except Exception as error:
            ended = Record("failed", desk.progress, _sentence(error))
        finally:
            slot.leave()
        with contextlib.suppress(OSError):
            asked.write(ended)


class Desk:
    """The `report` of one check: writes its state and obeys cancel."""

    def __init__(self, asked: Asked) -> None:
        self._asked, self._written = asked, 0.0
        self.progress = 0.0

    def __call__(self, progress: float, message: str = "") -> None:
        if self._asked.cancelled:
            raise CancelledError
        self.progress = min(1.0, max(0.0, progress))
        now = time.monotonic()
        if now - self._written > WRITE_SECONDS:
            self._written = now
            self._asked.write(Record("working", self.progress, message))

    def emit(self, item: Mapping[str, Any]) -> None:
        """Nothing is streamed."""


def _sentence(error: Exception) -> str:
    """What to say of a failure."""
    if isinstance(error, (RunError, CorpusError, ValueError)):
        return told(error)
    logging.exception("a check failed")
    if is_out_of_memory(error):
        return Message("out of memory: wait until other work has ended, then measure it again")
    if is_full(error):
        return Message("the disk is full: free some room, then measure it again")
    first = str(error).splitlines()[0] if str(error) else ""
    return Message(
        "{kind}: {why} (see {file}.log in the runs folder)",
        kind=type(error).__name__,
        why=first,
        file=CHECKS.name,
    )


if __name__ == "__main__":
    main()
