"""By how much a run's probes were stretched, as its notes say. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FIELD = "probe_stretch"  # of the note that says so: the factor of all intervals from its step on


def stretched(events: Iterable[Mapping[str, Any]], before: int | None = None) -> int:
    """The largest factor of the probes' intervals, of notes before a step where one is given.

    1 where they were never stretched, and where a note holds no such factor.
    """
    factor = 1
    for event in events:
        found = event.get(FIELD)
        if isinstance(found, int) and found > factor and (before is None or event["step"] < before):
            factor = found
    return factor
