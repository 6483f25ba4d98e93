"""The script of the dashboard: navigation, style, and the page that is open."""

import streamlit as st
from streamlit import runtime

from core.jobs import revive
from dashboard import components
from dashboard.address import page as address
from dashboard.live.feed import store
from dashboard.ui import cards
from dashboard.web import style

PAGES = [
    st.Page("app_pages/lab.py", title="Lab", default=True, help="Turn the switches and train."),
    st.Page("app_pages/compare.py", title="Compare", help="Overlay runs and see what differs."),
    st.Page("app_pages/attention.py", title="Attention", help="See what every head looks at."),
    st.Page("app_pages/anatomy.py", title="Anatomy", help="Look inside a network and operate."),
    st.Page("app_pages/runs.py", title="Runs", help="Rename, resume and delete runs."),
]


def draw() -> None:
    """One run of the script."""
    page = st.navigation(PAGES, position="top")
    st.set_page_config(
        page_title=f"{page.title} · Add & Norm Lab", layout="wide", initial_sidebar_state=244
    )
    st.html(style.of_pages())
    cards.logo()
    with st.container(key="topbar"):
        components.topbar(key="counts")
        components.preload()
    address.arrive(page.title)
    revive(store())  # a warm worker, so that the next run starts at once
    page.run()


if runtime.exists():  # importing it elsewhere draws nothing and starts nothing
    draw()
