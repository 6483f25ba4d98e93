"""Sizes of runs on disk, counted by a thread beside the page: thousands of folders take a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache

from core.catalogue.entry import Entry
from core.files import Usage
from dashboard.catalogue import ahead

MOST = 20_000  # runs remembered
AGAIN = 60  # seconds after which all are counted anew: answers of inspections lie with the runs


class Sizes:
    """What each run takes, as last counted."""

    def __init__(self) -> None:
        self._known: dict[str, Usage] = {}
        self._counter: threading.Thread | None = None
        self._whole = 0.0  # when all were counted last

    def of(self, entries: Sequence[Entry], patience: float = 0.2) -> Mapping[str, Usage]:
        """What runs take, by id, as far as it is counted; waits at most `patience` seconds.

        Runs at work are counted anew at each call, the others once a minute at most.
        """
        missing = [entry for entry in entries if entry.run.prefix not in self._known]
        alive = [entry for entry in entries if entry.alive and entry.run.prefix in self._known]
        if self._counter is None or not self._counter.is_alive():
            old = time.monotonic() - self._whole > AGAIN
            wanted = [*missing, *(entries if old else alive)]
            if wanted:
                if old:
                    self._whole = time.monotonic()
                self._counter = threading.Thread(target=self._count, args=(wanted,), daemon=True)
                self._counter.start()
        if missing and self._counter is not None:
            self._counter.join(patience)
        known = self._known
        return {e.id: known[e.run.prefix] for e in entries if e.run.prefix in known}

    def _count(self, entries: Sequence[Entry]) -> None:
        if len(self._known) > MOST:
            self._known.clear()
        for number, entry in enumerate(entries, 1):
            self._known[entry.run.prefix] = entry.run.usage()
            if number % ahead.PIECE == 0:
                time.sleep(ahead.REST)  # the page that shows them is being drawn


@cache
def sizes() -> Sizes:
    """The server's one counter."""
    return Sizes()
