"""The colours of every page: those of :mod:`core.palette`."""

from core.palette import (
    ATTENTION,
    CIVIDIS,
    COLOURS,
    DARK,
    DASHES,
    DIVERGING,
    LEARNED,
    LIGHT,
    RUNS,
    RUNS_TEXT,
    Mode,
    contrast,
    for_browser,
    run_colour,
    run_dash,
)

__all__ = [
    "ATTENTION",
    "CIVIDIS",
    "COLOURS",
    "DARK",
    "DASHES",
    "DIVERGING",
    "LEARNED",
    "LIGHT",
    "RUNS",
    "RUNS_TEXT",
    "Mode",
    "contrast",
    "for_browser",
    "run_colour",
    "run_dash",
]
