"""The language of a session: a script and its fragments run in threads of their own."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.language import SOURCE, ask, chosen

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


ask(of_session)
