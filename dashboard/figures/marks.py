"""Small marks in running text."""

from __future__ import annotations

from core.runs import Run
from dashboard.ui.palette import run_colour, run_dash


def dot(colour: object) -> str:
    """A run's colour, from its `meta["colour"]`."""
    index = colour if isinstance(colour, int) else 0
    light, dark = run_colour(index, "light"), run_colour(index, "dark")
    dash = run_dash(index)
    line = "" if dash == "solid" else f' data-dash="{dash}"'
    return f'<span class="dot"{line} style="background:light-dark({light},{dark})"></span>'


def run_dot(run: Run) -> str:
    """The same of a run that is open."""
    return dot(run.meta["colour"])
