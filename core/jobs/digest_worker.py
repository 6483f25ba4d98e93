"""A process that measures ended runs without a digest, newest first, and then ends.

A page that lists thousands of them can't wait for that, and a thread beside it would slow it down.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path

from core.catalogue import index
from core.catalogue.summary import keep, unread
from core.jobs.processes import DIGESTS, ensure
from core.runs import RunStore
from core.runs.locks import Lock, is_locked

POLITENESS = 10  # what others do on this machine goes first


def begin(store: RunStore) -> None:
    """Make sure that the runs of a folder are being measured."""
    ensure(DIGESTS, store.root)


def at_work(store: RunStore) -> bool:
    """Whether the runs of a folder are being measured now."""
    return is_locked(DIGESTS.lock(store.root))


def measure(store: RunStore) -> int:
    """Write the digest of each run that lacks one; how many were written."""
    written = 0
    for entry in index.entries(store):
        try:
            if unread(entry.run):
                keep(entry.run)
                written += 1
        except Exception:  # one damaged run must not keep the others from being read
            logging.exception("run %s", entry.id)
    return written


def main(root: str, descriptor: str) -> None:
    """The process: its folder, and the lock that is held for it."""
    lock = Lock(DIGESTS.lock(Path(root)))
    lock.adopt(int(descriptor))
    with contextlib.suppress(OSError):
        os.nice(POLITENESS)
    measure(RunStore(Path(root)))


if __name__ == "__main__":
    main(*sys.argv[1:3])
