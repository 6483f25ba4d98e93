"""Who has signed in, below every page, and the way out."""

from __future__ import annotations

import streamlit as st

from core.language import t
from dashboard.web import sign_in


def tell() -> None:
    """A line with the name and *Sign out*; nothing where nobody signs in."""
    if not sign_in.configured() or not st.user.get("is_logged_in"):
        return
    who = str(st.user.get("email") or st.user.get("name") or "")
    with st.container(key="signed_in", horizontal=True, vertical_alignment="center"):
        st.text(t("Signed in as {who}.", who=who))
        st.button(t("Sign out"), key="sign_out", type="tertiary", on_click=st.logout)
