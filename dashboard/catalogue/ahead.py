"""Runs are read ahead of the first visitor, by a thread that leaves the processor to others."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator

from core.catalogue import index
from core.catalogue.summary import within
from core.runs import RunStore
from dashboard.live.feed import store

PIECE, REST = 20, 0.005  # runs, then seconds for whoever waits for the server
QUIET = 1.0  # seconds after a page's script, in which the browser draws what it was sent
MOST = 2.0  # seconds for which pages hold up a piece: some are always open


class _Reader:
    """The thread, and when a page was drawn last."""

    thread: threading.Thread | None = None
    drawn = 0.0


def begin() -> threading.Thread:
    """Start to read what lists show of the runs; a page that comes earlier reads by itself."""
    if _Reader.thread is None or not _Reader.thread.is_alive():
        _Reader.thread = threading.Thread(target=read, args=(store(),), daemon=True)
        _Reader.thread.start()
    return _Reader.thread


def at_work() -> bool:
    """Whether runs are being read."""
    return _Reader.thread is not None and _Reader.thread.is_alive()


@contextlib.contextmanager
def resting() -> Iterator[None]:
    """Within it, and for a moment after, nothing is read: a page is being drawn."""
    _Reader.drawn = math.inf
    try:
        yield
    finally:
        _Reader.drawn = time.monotonic()


def _rest() -> None:
    time.sleep(REST)
    until = time.monotonic() + MOST
    while _Reader.drawn + QUIET > time.monotonic() < until:
        time.sleep(10 * REST)


def read(store: RunStore) -> int:
    """Read entries and digests, newest first, measuring nothing; how many runs were read."""
    known = 0
    with within(0):  # that context is this thread's own
        for known, id in enumerate(reversed(store.names()), 1):
            with contextlib.suppress(Exception):  # the page that lists it says what is wrong
                entry = index.entry_of(store, id)
                if entry is not None:
                    _ = entry.summary, entry.damaged, entry.experiment
            if known % PIECE == 0:
                _rest()
    return known
