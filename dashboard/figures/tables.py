"""The table of runs as the page Runs shows it: their colours, their dead ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from core.runs.labels import warns
from dashboard.compare.catalogue import Entry
from dashboard.palette import DARK, LIGHT, Mode, run_colour


def runs_table(table: pd.DataFrame, entries: Sequence[Entry], dark: bool) -> Any:
    """The table with each run's dot in its colour and dead ends in the warning's."""
    mode: Mode = "dark" if dark else "light"
    warning = f"color: {(DARK if dark else LIGHT)['warning_text']}"

    def bad(entry: Entry) -> bool:
        return bool(warns(entry.digest.state, entry.digest.verdict.kind))

    def paint(cells: pd.DataFrame) -> pd.DataFrame:
        styles = pd.DataFrame("", index=cells.index, columns=cells.columns)
        styles[""] = [f"color: {run_colour(entry.colour, mode)}" for entry in entries]
        styles["state"] = [warning if bad(entry) else "" for entry in entries]
        return styles

    return table.style.apply(paint, axis=None)
