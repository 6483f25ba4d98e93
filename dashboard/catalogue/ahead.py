"""Runs are read ahead of the first visitor, by a thread that leaves the processor to others."""

from __future__ import annotations

import contextlib
import threading
import time

from core.catalogue import index
from core.catalogue.summary import within
from core.runs import RunStore
from dashboard.live.feed import store

PIECE, REST = 20, 0.005  # runs, then seconds for whoever waits for the server


def begin() -> threading.Thread:
    """Start to read what lists show of the runs; a page that comes earlier reads by itself."""
    thread = threading.Thread(target=read, args=(store(),), daemon=True)
    thread.start()
    return thread


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
                time.sleep(REST)
    return known
