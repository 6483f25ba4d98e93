"""Formulas within sentences: `W_Q` as mathematics has it, where HTML is shown."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

# Letters that Unicode has as subscripts (xₗ, x₀) stand as such in the source.
SUBSCRIPT = re.compile(r"(?<!\w)([A-Za-z])_([A-Z])\b")


def subscripts(text: str) -> Markup:
    """A text as HTML with its `W_Q` as W and a small Q below it."""
    return Markup(SUBSCRIPT.sub(r"\1<sub>\2</sub>", str(escape(text))))
