"""Masked tokens: what a pretrained encoder says for them, which reads a text from both sides."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.language import t
from core.runs import Run
from dashboard.address.widgets import text
from dashboard.anatomy.asking import done, standing, wait
from dashboard.anatomy.choice import Choice
from dashboard.catalogue.run_names import name_of
from dashboard.ui import cards
from dashboard.ui.templates import render

FIRST = "The capital of France is [MASK]."
LONGEST = 20_000


def encodes(run: Run) -> bool:
    """Whether a run is a pretrained encoder, which writes no text."""
    return not run.source.get("writes", True)


def section(choice: Choice) -> None:
    """A text with masks, and below it what each encoder says for them."""
    with cards.card("masked_text"):
        typed = text("anatomy_masked", t("Text with [MASK] in place of words"), FIRST, LONGEST)
    asked = []
    for run, step in choice.shown:
        if not encodes(run):
            cards.problem(t("{run} writes text and predicts no masked tokens.", run=name_of(run)))
        elif not run.source.get("masked"):
            cards.problem(
                t(
                    "{run} was adopted without a head for masked tokens (BertForMaskedLM), so it"
                    " predicts none; see its attention, its streams and one block.",
                    run=name_of(run),
                )
            )
        elif typed:
            asked.append(standing(run, "masked", step, text=typed))
    if not any(asked) or wait(asked, "masked", t("reads the text from both sides"), 240):
        return
    for run, result, _ in done(asked):
        with cards.card(f"masked_{run.id}"):
            st.html(cards.heading(t("What {run} says for each mask", run=name_of(run))))
            st.html(
                render("anatomy/masked", masks=[_told(one, result) for one in result["masked"]])
            )


def _told(one: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """A mask with the tokens around it, and what it may be."""
    tokens, place = result["tokens"], one["place"]
    return {
        "before": "".join(tokens[max(0, place - 12) : place]),
        "after": "".join(tokens[place + 1 : place + 13]),
        "rows": [(_shown(token), p or 0.0) for token, p in one["alternatives"]],
    }


def _shown(token: str) -> str:
    """A token that can be seen: without the space before a word, blanks as signs."""
    return token.strip() or token.replace(" ", "·").replace("\n", "↵")
