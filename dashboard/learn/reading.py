"""How far this reader is: kept in a file, and in the tab where that can't be written."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.lessons.progress import Kept, Progress
from core.runs import read_only
from dashboard.live.feed import store
from dashboard.ui.reader import reader

OWN = "lessons_of_this_tab"


def _file() -> Progress:
    return Progress(store().root, reader())


def _own() -> dict[str, Kept]:
    own: dict[str, Kept] = st.session_state.setdefault(OWN, {})
    return own


def every() -> dict[str, Kept]:
    """What is kept of each lesson; of the tab alone where nothing may be written, since the file
    is then of whoever used it before."""
    if read_only.is_read_only():
        return dict(_own())
    return {**_file().all(), **_own()}


def of(lesson: str) -> Kept:
    """What is kept of one."""
    return every().get(lesson, Kept())


def change(lesson: str, **changes: Any) -> None:
    """Keep something of it."""
    known = of(lesson)
    _own()[lesson] = Kept.model_validate({**known.model_dump(), **changes})
    if not read_only.is_read_only():
        _file().change(lesson, **_own()[lesson].model_dump())


def forget(lesson: str) -> None:
    """Begin it anew; its runs stay in the folder."""
    change(lesson, **Kept().model_dump())
