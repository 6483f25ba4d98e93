"""Curves and profiles of the report: those of :mod:`core.plots`."""

from core.plots.curves import COLOURS_OF_RUNS, Line, curves

__all__ = ["COLOURS_OF_RUNS", "Line", "curves"]
