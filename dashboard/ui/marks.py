"""Small marks in running text."""

from __future__ import annotations

from markupsafe import Markup

from core.palette import run_colour, run_dash


def dot(colour: object) -> Markup:
    """A run's colour, from its `meta["colour"]`; it follows light and dark."""
    index = colour if isinstance(colour, int) else 0
    light, dark = run_colour(index, "light"), run_colour(index, "dark")
    dash = run_dash(index)
    line = Markup(' data-dash="{}"').format(dash) if dash != "solid" else ""
    mark = '<span class="dot"{} style="background:light-dark({},{})"></span>'
    return Markup(mark).format(line, light, dark)
