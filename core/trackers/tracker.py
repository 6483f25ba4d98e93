"""What every tracker can do, and what it is told of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

PROJECT = "add-and-norm-lab"  # where a program groups runs, unless its own variables say another


class About(NamedTuple):
    """A run as trackers are told of it: settings by dotted name, the folder of all runs, and when
    it began, in seconds since 1970."""

    id: str
    name: str
    settings: Mapping[str, Any]
    folder: Path
    began: float


class Row(NamedTuple):
    """The numbers of one step, by name; seconds of training until then."""

    step: int
    seconds: float
    values: Mapping[str, float]


class Tracker(Protocol):
    """Another program's record of one run. Any of it may raise, and may take as long as it likes.

    Its constructor takes :class:`About` and begins the run.
    """

    def log(self, rows: Sequence[Row]) -> None:
        """Add rows, in the order of their steps."""

    def end(self, state: str) -> None:
        """Everything was sent; how the run ended (`core.runs.status.State`)."""
