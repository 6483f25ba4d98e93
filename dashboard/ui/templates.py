"""HTML from the templates beside this file. Whatever is put into one is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core.language import current, t
from dashboard.ui.marks import dot
from dashboard.ui.maths import subscripts

FOLDER = Path(__file__).with_name("templates")


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["dot"] = dot
    found.globals["t"] = t
    found.globals["language"] = current
    found.filters["maths"] = subscripts
    return found


def render(name: str, /, **values: Any) -> Markup:
    """The HTML of a template, whose own parts are not escaped again."""
    return Markup(_environment().get_template(f"{name}.html").render(values))
