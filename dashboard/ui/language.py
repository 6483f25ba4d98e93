"""The language of a session: a script and its fragments run in threads of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.language import SOURCE, ask, chosen, current, speaking, t

T = TypeVar("T")
PARAMETER = "lang"  # of an address
COOKIE = "addnorm_lang"
KEPT = "spoken"  # of the session


def of_session() -> str:
    """What the browser that this script draws for reads; English where there is no browser."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return SOURCE
    if KEPT not in st.session_state:
        asked = st.query_params.get(PARAMETER) or st.context.cookies.get(COOKIE)
        st.session_state[KEPT] = chosen(asked, st.context.headers.get("accept-language"))
    return str(st.session_state[KEPT])


def named(name: str, title: str) -> str:
    """A setting where it is chosen: in English as filters name it, else by its title."""
    return name if current() == SOURCE else t(title)


def in_this_language(make: Callable[[], T]) -> Callable[[], T]:
    """What makes a download: it is called in another thread, which belongs to no session."""
    language = current()

    def made() -> T:
        with speaking(language):
            return make()

    return made


ask(of_session)
