"""Who reads: the person who has signed in, else the browser."""

from __future__ import annotations

import re

import streamlit as st

COOKIE = "addnorm_reader"
NAME = re.compile(r"[\w-]{16,64}")  # what the cookie holds, made by dashboard/web/reader.py


def reader() -> str:
    """What tells this reader from others; "" where nothing does."""
    if st.user.get("is_logged_in") is True:
        who = st.user.get("email") or st.user.get("sub") or st.user.get("name") or ""
        return f"person {who}"
    name = st.context.cookies.get(COOKIE)
    return f"browser {name}" if isinstance(name, str) and NAME.fullmatch(name) else ""
