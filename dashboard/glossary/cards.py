"""The glossary's cards: a word, its formula, a drawing, and where to see it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.glossary import Term
from core.language import t
from dashboard.figures.diagram import diagram
from dashboard.figures.equation import equation
from dashboard.figures.terms import picture
from dashboard.ui.templates import render

COLUMNS = 2


def card(term: Term, chosen: bool = False) -> None:
    """One word; the `chosen` one stands out."""
    with st.container(border=True, key=f"{'chosen' if chosen else 'term'}_{term.id}"):
        st.html(render("glossary/term", term=term))
        if term.model:
            drawing = diagram(term.model, times=False)
            st.markdown(f"{equation(term.model)}{drawing}", unsafe_allow_html=True)
        elif term.formula:
            st.latex(term.formula)
        if term.picture:
            st.markdown(picture(term.picture), unsafe_allow_html=True)
        st.html(render("glossary/more", term=term))


def found(terms: Sequence[Term], by_group: bool = True) -> None:
    """Words in two columns, below the names of their groups or in the order that is given."""
    if not by_group:
        _columns(terms)
        return
    for group in dict.fromkeys(term.group for term in terms):
        st.html(render("glossary/group", name=t(group)))
        _columns([term for term in terms if term.group == group])


def _columns(terms: Sequence[Term]) -> None:
    for column, where in enumerate(st.columns(COLUMNS, gap="small")):
        with where:
            for term in terms[column::COLUMNS]:
                card(term)
