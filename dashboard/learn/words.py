"""Questions and answers of a lesson in words."""

from __future__ import annotations

import math

import streamlit as st

from core.language import t
from dashboard.learn.model import Shown
from dashboard.ui.templates import render


def label(text: str, small: bool = False) -> None:
    """What a widget below asks, whose own label is not shown.

    That one is Markdown to the eye and plain text to a screen reader: escaped it is wrong for one
    of them, unescaped for the other.
    """
    st.html(render("learn/label", text=text, small=small))


def said_of(shown: Shown, place: int, given: float) -> str:
    """An answer in words."""
    question = shown.lesson.ask[place]
    if question.options:
        return t(question.options[int(given)].text)
    unit = t(question.unit) if question.unit else ""
    return f"{given:.4g} {unit}".strip()


def right_answer(shown: Shown, place: int) -> str:
    """The right answer in words; "" where the runs do not tell."""
    question, found = shown.lesson.ask[place], shown.result
    if question.options:
        at = found.right(question.options)
        return "" if at is None else t(question.options[at].text)
    known = found.answer(question)
    if known is None:
        return ""
    if not math.isfinite(known):
        return t("It never happened in these runs.")
    return said_of(shown, place, known)
