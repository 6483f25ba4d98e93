"""Names of runs in figures: those of :mod:`core.plots`."""

from core.plots.labels import NAME, apart, letters, plain, short

__all__ = ["NAME", "apart", "letters", "plain", "short"]
