"""What a browser keeps of its reader from one visit to the next, in cookies.

A script reads them as they were when its session began; the view `newcomer` writes them.
"""

from __future__ import annotations

import streamlit as st

VIEW = "addnorm_view"  # how many switches the Lab shows
TOUR = "addnorm_tour"  # "seen" once the tour was walked or skipped


def kept(cookie: str) -> str:
    """What the browser kept under a name; empty where it is here for the first time."""
    return str(st.context.cookies.get(cookie, ""))
