"""Controls that change something: where runs are only to look at they are off, and say why."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.language import t
from core.runs import read_only


def button(label: str, **options: Any) -> bool:
    """`st.button`, whose press starts or changes something."""
    return bool(st.button(label, **_as_allowed(options)))


def submit(label: str, **options: Any) -> bool:
    """`st.form_submit_button`, likewise."""
    return bool(st.form_submit_button(label, **_as_allowed(options)))


def popover(label: str, **options: Any) -> Any:
    """`st.popover`, in which something is started or changed."""
    return st.popover(label, **_as_allowed(options))


def file_uploader(label: str, **options: Any) -> Any:
    """`st.file_uploader`, whose files are kept."""
    return st.file_uploader(label, **_as_allowed(options))


def are_allowed() -> bool:
    """Whether anything can be changed here."""
    return not read_only.is_read_only()


def tell() -> None:
    """One line above every page of runs that are only to look at."""
    if not are_allowed():
        with st.container(key="read_only"):
            st.html(f'<div role="note">{t(read_only.WHY)}</div>')


def _as_allowed(options: dict[str, Any]) -> dict[str, Any]:
    if are_allowed():
        return options
    return {**options, "disabled": True, "help": t(read_only.WHY)}
