"""Anatomy: what a trained network does, and what happens when it is operated on."""

import streamlit as st

from dashboard import state
from dashboard.anatomy import choice, controls, generate, landscape, lens, operate, streams
from dashboard.palette import Mode
from dashboard.ui import cards

SECTIONS = {
    "generate": generate.section,
    "lens": lens.section,
    "operate": operate.section,
    "streams": streams.section,
    "landscape": landscape.section,
}

mode: Mode = "dark" if st.context.theme.type == "dark" else "light"
runs = state.store().list()[::-1]
if not runs:
    with cards.card("first"):
        cards.empty(
            "No network to look into yet",
            "Train one. Here it writes, says layer by layer what it would say next, loses the parts"
            " that you switch off, and shows the landscape in which it was found.",
        )
        if st.button("Open the Lab", key="open_lab", type="primary"):
            st.switch_page("app_pages/lab.py")
else:
    chosen, section = choice.top_line(runs)
    problems = st.container()
    if chosen is not None:
        SECTIONS[section](chosen, mode)
    with problems:
        for sentence in controls.problems():
            cards.problem(sentence)
