"""Simple or all: how many of the switches the Lab shows. No setting changes by it.

Every widget is drawn in either view, and the style sheets hide what the simple one leaves out:
Streamlit forgets a widget that no page draws, and takes its part of the address away.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from core.config.words import file_name, format_value, title_of
from core.language import mark, t
from dashboard.address import page
from dashboard.address.param import Param, among
from dashboard.ui import kept

VIEWS = (mark("simple"), mark("all"))
KEY = "lab_view"
# What the subject needs: Add, Norm twice, how often they are repeated, and what post-LN needs most.
# A family has one of the two that say its depth.
SIMPLE = (
    "model.residual",
    "model.placement",
    "model.norm",
    "model.depth",
    "model.blocks_per_stage",
    "optimizer.warmup_steps",
)
PARAM: Param[str] = Param(KEY, "", among(VIEWS))


def is_simple() -> bool:
    """Whether only the switches of `SIMPLE` are shown."""
    return bool(st.session_state.get(KEY, VIEWS[0]) == VIEWS[0])


def choice() -> None:
    """The switch between the views; the address decides at an arrival, then what was kept."""
    remembered = st.session_state
    if KEY not in remembered:
        before = kept.kept(kept.VIEW)
        remembered[KEY] = page.read(PARAM)[KEY] or (before if before in VIEWS else VIEWS[0])
    with st.container(key="switch_view"):
        st.segmented_control(
            t("Switches"),
            VIEWS,
            label_visibility="collapsed",
            key=KEY,
            format_func=t,
            required=True,
            width="stretch",
            on_change=_forget_address,
            persist_state="session",
        )
        shown = "simple" if is_simple() else "all"
        st.html(f'<span class="aside view-{shown}"></span>')


def others(changed: Sequence[str], values: dict[str, Any], preset: dict[str, Any]) -> None:
    """In the simple view, which settings that it leaves out are not as the preset has them."""
    hidden = [dotted for dotted in changed if dotted not in SIMPLE]
    if not hidden or not is_simple():
        return
    said = t(
        "{n} other setting differs from the preset",
        "{n} other settings differ from the preset",
        n=len(hidden),
    )
    with st.container(key="others_differ"), st.expander(said, key="open_others"):
        rows = "".join(
            f"<dt>{escape(t(title_of(dotted)))}</dt><dd>{escape(_value(dotted, values))} <small>"
            f"{escape(t('preset {value}', value=_value(dotted, preset)))}</small></dd>"
            for dotted in hidden
        )
        st.html(f'<dl class="others">{rows}</dl>')
        st.button(t("Show all settings"), key="show_all", on_click=show_all)


def show_all() -> None:
    """Show every setting; to be called in a callback."""
    st.session_state[KEY] = VIEWS[1]
    _forget_address()


def _value(dotted: str, values: dict[str, Any]) -> str:
    return format_value(file_name(dotted, values[dotted]))


def _forget_address() -> None:
    """What was chosen by hand is not what the address said."""
    page.write(PARAM, "")
