"""The places of the runs that wait, told anew every two seconds to all tabs and pages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from core.cache import Cache
from core.files import signature
from core.jobs.places import Place, places
from dashboard.live.feed import store

EVERY = 2.0  # seconds; sooner where the queue itself changes
PLACES: Cache[Mapping[str, Place]] = Cache(8)


def places_now() -> Mapping[str, Place]:
    """The place of each run that waits, by its id."""
    root: Path = store().root
    made_from = (time.monotonic() // EVERY, signature(root / ".queue"))
    return PLACES.get(root, made_from, lambda: places(store()))


def words(id: str) -> str:
    """`third, starts in about 4 min`; empty where a run does not wait or is held back."""
    found = places_now().get(id)
    return found.words if found is not None else ""
