"""Glossary: what the words mean, and where to see it."""

import streamlit as st

from core.glossary import terms
from core.language import t
from dashboard.address import page
from dashboard.address.param import Param, among
from dashboard.glossary import cards
from dashboard.ui.cards import empty

chosen = page.read(Param("term", "", among(terms())))["term"]
words = st.text_input(
    t("Look for a word"),
    key="glossary_words",
    placeholder=t("Look for a word: norm, gradient, head …"),
    label_visibility="collapsed",
    max_chars=100,
)
page.show()
if chosen and not words:
    cards.card(terms()[chosen], chosen=True)
found = [term for term in terms().values() if term.says(words) and (words or term.id != chosen)]
cards.found(found)
if not found:
    empty(t("No such word here"), t("Try a shorter one, or clear the box."))
