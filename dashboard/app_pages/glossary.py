"""Glossary: what the words mean, and where to see it."""

from core.glossary import terms
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
found = [term for term in terms().values() if term.says(words) and (words or term.id != chosen)]
cards.found(found)
if not found:
    empty(t("No such word here"), t("Try a shorter one, or clear the box."))
