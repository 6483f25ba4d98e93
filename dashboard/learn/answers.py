"""The end of a lesson: what its runs have shown, questions, and the page to take along."""

from __future__ import annotations

import re
from functools import partial

import streamlit as st

from core.language import t
from core.lessons.lesson import Question
from core.lessons.result import GAP
from dashboard.learn import actions, export
from dashboard.learn.model import Shown
from dashboard.learn.words import label, right_answer
from dashboard.ui import cards
from dashboard.ui.language import in_this_language
from dashboard.ui.markdown import literal
from dashboard.ui.templates import render

HEAD = re.compile(r"[^.。:：]{2,40}[.。](?=\s|[^\x00-\x7f])")


def explain(shown: Shown) -> None:
    """4: what the reader's runs have shown, whether the prediction was right, and the theory."""
    lesson, found = shown.lesson, shown.result
    outcome = found.outcome.kind
    words = {
        "expected": t("as theory expects"),
        "otherwise": t("otherwise than expected"),
        "early": t("too early to say"),
    }
    right = found.right(lesson.predict.options)
    open_ones = [one for place, one in enumerate(lesson.ask) if place not in shown.kept.answers]
    paragraphs = [t(said) for said in found.explained(open_ones)]
    with cards.card("explain", f"4 · {t('Explain')}", words[outcome], height="stretch"):
        st.html(
            render(
                "learn/explain",
                lesson=lesson,
                outcome=outcome,
                predicted=shown.kept.predicted,
                right=right,
                paragraphs=list(map(headed, paragraphs)),
                gap=GAP if any(GAP in paragraph for paragraph in paragraphs) else "",
                theory="" if shown.hides("theory") else t(lesson.predict.theory),
            )
        )


def headed(paragraph: str) -> tuple[str, str]:
    """A short first sentence, which says what the paragraph is about, and the rest."""
    found = HEAD.match(paragraph)
    return (found[0], paragraph[found.end() :]) if found else ("", paragraph)


def ask(shown: Shown) -> None:
    """5: questions whose answers come out of these runs."""
    lesson = shown.lesson
    with cards.card("ask", f"5 · {t('Answer')}", height="stretch"):
        for place, question in enumerate(lesson.ask):
            _question(shown, place, question)
        if shown.kept.done:
            _end(shown)


def _question(shown: Shown, place: int, question: Question) -> None:
    id, kept = shown.lesson.id, shown.kept
    before = kept.answers.get(place)
    key = f"answer_{id}_{place}"
    unit = f" ({t(question.unit)})" if question.unit else ""
    words = f"{t(question.question)}{unit}"
    label(words)
    given: int | float | None
    if question.options:
        given = st.radio(
            t(question.question),
            range(len(question.options)),
            index=None if before is None else int(before),
            format_func=lambda at: literal(t(question.options[at].text)),
            key=key,
            label_visibility="collapsed",
        )
    else:
        given = st.number_input(
            words, value=before, key=key, format="%g", label_visibility="collapsed", width=220
        )
    st.button(
        t("Check"),
        key=f"check_{place}",
        on_click=actions.answer,
        args=(id, place, key),
        disabled=given is None and bool(question.options),
    )
    if before is not None:
        st.html(render("learn/answer", **judged(shown, place, before)))


def judged(shown: Shown, place: int, given: float) -> dict[str, object]:
    """Whether an answer is right, what would be, and why, in words."""
    question, found = shown.lesson.ask[place], shown.result
    right = found.is_right(question, given)
    because = found.said(question.because)
    return {"right": right, "answer": right_answer(shown, place), "because": t(because or "")}


def _end(shown: Shown) -> None:
    """After the last answer: the page to take along, and the next lesson."""
    lesson = shown.lesson
    with st.container(horizontal=True, gap="small", key="lesson_end"):
        following = shown.next
        if following and not shown.hides("lessons"):
            st.button(
                t("Next: {title}", title=t(following.title)),
                key="next_lesson",
                type="primary",
                on_click=actions.open_lesson,
                args=(following.id,),
            )
        if not shown.hides("export"):
            st.download_button(
                t("Page with the answer key"),
                in_this_language(partial(export.page, shown)),
                f"lesson-{lesson.id}.html",
                "text/html",
                key="lesson_export",
                on_click="ignore",
            )
        st.button(t("Begin anew"), key="lesson_anew", on_click=actions.anew, args=(lesson.id,))
