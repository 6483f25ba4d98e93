"""The script of the dashboard: navigation, style, and the page that is open."""

import streamlit as st
from streamlit import runtime

from core.catalogue import index
from core.catalogue.summary import within
from dashboard import components
from dashboard.address import page as address
from dashboard.catalogue import ahead, unread
from dashboard.launch import standby
from dashboard.live.feed import store
from dashboard.ui import cards, changes
from dashboard.ui.navigation import pages
from dashboard.web import signed_in


def draw() -> None:
    """One run of the script."""
    page = st.navigation(pages(), position="top")
    st.set_page_config(
        page_title=f"{page.title} · Add & Norm Lab", layout="wide", initial_sidebar_state=244
    )
    cards.logo()
    with st.container(key="topbar"):
        components.topbar(key="counts")
        components.preload()
    components.language()
    address.arrive(page.url_path)
    standby.soon(store())  # a warm worker, so that the next run starts at once
    changes.tell()
    with index.once() as once, within(unread.PATIENCE) as patience:
        page.run()
    unread.tell(list(patience.left), once.later)
    signed_in.tell()


if runtime.exists():  # importing it elsewhere draws nothing and starts nothing
    with ahead.resting():
        draw()
