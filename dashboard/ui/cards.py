"""The frame around every page: the logo, cards and their headings."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from core.language import t
from core.resources import ASSETS
from dashboard.ui.templates import render


def logo() -> None:
    """The name, its Add orange and its Norm green; its colours follow the page's at once."""
    st.logo(ASSETS / "logo" / "logo.svg", size="medium")


@contextmanager
def card(
    key: str, title: str = "", note: str = "", below: str = "", **layout: Any
) -> Iterator[Any]:
    """A card; `note` stands at the right of its title, `below` under it."""
    with st.container(border=True, key=f"card_{key}", **layout) as box:
        if title:
            st.html(heading(title, note, below))
        yield box


def heading(title: str, note: str = "", below: str = "") -> str:
    """A card's title: what to see, and what is drawn and in which unit."""
    return render("heading", title=t(title), note=note, below=t(below))


def problem(sentence: str) -> None:
    """Something that is wrong, in one sentence."""
    st.html(render("problem", sentence=t(sentence)))


def below(sentence: str, status: bool = False) -> None:
    """A muted line below what it speaks of; a `status` is read out when it changes."""
    st.html(render("below", sentence=t(sentence), status=status))


def empty(title: str, text: str) -> None:
    """A card that says what would be here."""
    st.html(render("empty", title=t(title), text=t(text)))


def first_run(title: str, text: str, beside: Callable[[], None] | None = None) -> None:
    """A page without runs: what would be here, and the way to the Lab."""
    with card("first"):
        empty(title, text)
        with st.container(horizontal=True, gap="small"):
            if st.button(t("Open the Lab"), key="open_lab", type="primary"):
                st.switch_page("app_pages/lab.py")
            if beside:
                beside()


def failed(error: Exception) -> bool:
    """Say that a page's script failed, in place of a framework's box; its trace is in the log."""
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f", {Path(where[0].filename).name}:{where[0].lineno}" if where else ""
    problem(
        t(
            "A part of this page could not be drawn ({where}). Runs go on. Reload the page; if that"
            " does not help, the terminal of the dashboard says what is wrong.",
            where=f"{type(error).__name__}{place}",
        )
    )
    return True
