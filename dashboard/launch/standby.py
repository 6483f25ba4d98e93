"""The worker that waits for the next run, made sure of a moment after a page was drawn."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from core.jobs import launcher
from core.runs import RunStore, read_only

MOMENT = 2.0  # seconds: it imports torch, which takes a core for about three, from the first visit

_LOCK = threading.Lock()
_coming: set[Path] = set()


def soon(store: RunStore) -> None:
    """Have a standby in a moment; whoever starts a run makes sure of one at once."""
    if read_only.is_read_only():
        return
    with _LOCK:
        if store.root in _coming:
            return
        _coming.add(store.root)
    timer = threading.Timer(MOMENT, _revive, (store,))
    timer.daemon = True
    timer.start()


def _revive(store: RunStore) -> None:
    with _LOCK:
        _coming.discard(store.root)
    try:
        launcher.revive(store)
    except OSError:  # a folder that can't be written; the page says so where a run is started
        logging.exception("no standby for %s", store.root)
