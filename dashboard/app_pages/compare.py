"""Compare: which runs, what became of them, their curves over each other, what differs."""

import streamlit as st

from core.language import t
from dashboard.address import page
from dashboard.compare import address, cards, model
from dashboard.launch import enqueue
from dashboard.live.feed import store
from dashboard.publish import button
from dashboard.ui.cards import first_run

compare = model.load(page.query(), store())
choice = address.kept(compare.choice, compare.by_id, compare.problems)
wrong = compare.damaged
problems = st.container()
if not compare.runs:
    first_run(
        t("No runs to compare yet"),
        t(
            "Train two networks that differ in one switch; their curves, what became of them and"
            " the settings in which they differ stand here."
        ),
    )
else:
    shown = cards.top_line(compare, choice, button.popover)
    left, right = st.columns([58, 42], gap="small")
    with left:
        cards.runs_table(compare, choice, shown)
    with right:
        cards.outcome(compare, shown)
    left, right = st.columns([69, 31], gap="small")
    with left:
        cards.curves(compare, choice, shown)
    with right:
        cards.depth(shown)
    wrong = [*wrong, shown.wrong, enqueue.problem()]
with problems:
    page.show(compare.problems, wrong)
