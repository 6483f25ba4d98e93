"""The pages that there are: one for each script in `app_pages`."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import streamlit as st

from core.language import t

FOLDER = Path(__file__).resolve().parents[1] / "app_pages"
# Others follow by name.
FIRST = ("lab", "learn", "compare", "attention", "anatomy", "evidence", "runs", "glossary")


def pages() -> list[st.Page]:
    """The Lab, which opens first, and all others in order."""
    return [_page(name) for name in names()]


def names() -> list[str]:
    """The scripts' names, in the order of the navigation."""
    found = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))
    return sorted(found, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))


def _page(name: str) -> st.Page:
    # No hint: it would hang over what stands at the top of the page.
    return st.Page(f"app_pages/{name}.py", title=t(title(name)), default=name == FIRST[0])


@cache
def title(name: str) -> str:
    """The title of a page from its first line, `Lab: turn a switch, train, watch.`"""
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    line = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return line.partition(": ")[0] or name.capitalize()
