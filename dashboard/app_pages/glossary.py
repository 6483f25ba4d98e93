"""Glossary: what the words mean, and where to see it."""

from core.glossary import found, terms
from core.language import t
from dashboard.address import page
from dashboard.address.param import Param, among
from dashboard.address.widgets import text
from dashboard.glossary import cards
from dashboard.ui.cards import empty

chosen = page.read(Param("term", "", among(terms())))["term"]
words = text(
    "glossary_words",
    t("Look for a word"),
    "",
    100,
    placeholder=t("Look for a word: norm, gradient, head …"),
    label_visibility="collapsed",
)
page.show()
if chosen and not words:
    cards.card(terms()[chosen], chosen=True)
fitting = [term for term in found(words) if words or term.id != chosen]
cards.found(fitting, by_group=not words)
if not fitting:
    empty(t("No such word here"), t("Try a shorter one, or clear the box."))
