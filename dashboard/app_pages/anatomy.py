"""Anatomy: what a trained network does, and what happens when it is operated on."""

import streamlit as st

from core.language import t
from core.palette import Mode
from dashboard.address import page
from dashboard.anatomy import block, choice, generate, landscape, lens, operate, streams
from dashboard.live.feed import store
from dashboard.ui.cards import first_run

SECTIONS = {
    "generate": generate.section,
    "lens": lens.section,
    "block": block.section,
    "operate": operate.section,
    "streams": streams.section,
    "landscape": landscape.section,
}

mode: Mode = "dark" if st.context.theme.type == "dark" else "light"
runs = store().list()[::-1]
if not runs:
    first_run(
        t("No network to look into yet"),
        t(
            "Train one. Here it writes, says layer by layer what it would say next, loses the parts"
            " that you switch off, and shows the landscape in which it was found."
        ),
    )
else:
    chosen, section = choice.top_line(runs)
    problems = st.container()
    if chosen is not None:
        SECTIONS[section](chosen, mode)
    with problems:
        page.show()
