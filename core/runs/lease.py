"""A run that another machine trains: a file that says so, renewed while something is heard of it.

A lock reaches the processes of one machine. Where a run trains elsewhere, whoever hears of it
renews this file: the process that follows it from here, and the one that trains it where that one
sees this folder. A file that was renewed a moment ago counts as a lock: no worker takes the run, no
page calls it interrupted and nobody deletes it. The file's own time of change counts, which the
file system gives, so that clocks of two machines are compared only where they share a folder.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import NamedTuple

from core.files import read_json, write_json

FILE = "elsewhere.json"
BEAT_SECONDS = 2.0  # between two renewals
SECONDS = 30.0  # without one, and nobody is known to train it


class Lease(NamedTuple):
    """Where a run trains: `on` a cluster by its address, `host` the machine, "" while it waits for
    one. `token` is another one at each start, so that a process that was given up knows it."""

    on: str
    host: str
    token: str


def write(run: Path, lease: Lease) -> None:
    """Say where a run trains. Raises OSError."""
    write_json(run / FILE, lease._asdict())


def read(run: Path) -> Lease | None:
    """Where a run trains, or trained when something was heard of it last; None of a local one."""
    try:
        found = read_json(run / FILE)
    except (OSError, ValueError):
        return None
    fields = [found.get(name) for name in Lease._fields] if isinstance(found, dict) else []
    texts = [field for field in fields if isinstance(field, str)]
    return Lease(*texts) if len(texts) == len(Lease._fields) else None


def renew(run: Path) -> None:
    """Something was heard of it now; harmless where the file is gone."""
    with contextlib.suppress(OSError):
        os.utime(run / FILE)


def end(run: Path) -> None:
    """Nobody trains it elsewhere any more."""
    with contextlib.suppress(OSError):
        (run / FILE).unlink(missing_ok=True)


def is_fresh(run: str | Path) -> bool:
    """Whether something was heard of it a moment ago."""
    try:
        changed = os.stat(f"{run}/{FILE}").st_mtime
    except OSError:
        return False
    return abs(time.time() - changed) < SECONDS
