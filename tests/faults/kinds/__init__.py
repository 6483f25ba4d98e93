"""What is tried, one module for each kind of fault; every one has `cases()`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import ModuleType

from tests.faults.case import Case
from tests.faults.kinds import contents, crowds, dashboards, disks, files, schemas, signals

KINDS = (files, signals, schemas, disks, crowds, contents, dashboards)


def every(rng: random.Random) -> Iterator[tuple[ModuleType, list[Case]]]:
    """All cases, kind by kind, each in a random order."""
    for kind in KINDS:
        found = kind.cases()
        rng.shuffle(found)
        yield kind, found
