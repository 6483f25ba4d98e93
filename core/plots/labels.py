"""Names of runs in figures: cut, escaped, and apart at the ends of their lines. Without Plotly."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from html import escape
from unicodedata import east_asian_width

NAME = 22  # letters of a name at the end of its line


def short(name: str, most: int = NAME) -> str:
    """A name that fits beside a chart."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def letters(name: str) -> int:
    """How wide a name is, in letters of the Latin alphabet; a Chinese one takes two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in name)


def plain(text: str) -> str:
    """A user's text as Plotly shows it as it is: it reads tags, %{} and entities."""
    return escape(text, quote=False).replace("%{", "%&#123;")


def apart(places: Sequence[float], gap: float, end: float) -> list[float]:
    """Rising places moved as little as keeps them `gap` apart and at most at `end`."""
    moved = list(places)
    for i, j in itertools.pairwise(range(len(moved))):
        moved[j] = max(moved[j], moved[i] + gap)
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], end)
        end = moved[i] - gap
    return moved
