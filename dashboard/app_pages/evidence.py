"""Evidence: published claims, what each should measure, and what it measured."""

import streamlit as st

from core.palette import Mode
from dashboard.address import page
from dashboard.evidence import cards, model
from dashboard.live.feed import store

mode: Mode = "dark" if st.context.theme.type == "dark" else "light"
evidence = model.load(store(), cards.opened())
cards.summary(evidence)
problems = st.container()
left, right = st.columns([44, 56], gap="small")
with left:
    cards.claims(evidence)
with right:
    cards.claim(evidence, mode)
with problems:
    page.show()
