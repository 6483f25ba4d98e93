"""A lesson as one HTML file: what was asked, what the runs showed, and the answer key."""

from __future__ import annotations

from core.language import t
from dashboard.learn.model import Shown
from dashboard.learn.words import right_answer, said_of
from dashboard.report.lesson import Asked, lesson_page


def page(shown: Shown) -> str:
    """The file's text."""
    lesson, found = shown.lesson, shown.result
    asked = []
    for place, question in enumerate(lesson.ask):
        given = shown.kept.answers.get(place)
        said = found.said(question.because)
        asked.append(
            Asked(
                question=t(question.question),
                options=[t(option.text) for option in question.options],
                given=said_of(shown, place, given) if given is not None else "",
                right=right_answer(shown, place),
                is_right=found.is_right(question, given) if given is not None else None,
                because=t(said) if said else "",
            )
        )
    return lesson_page(lesson, found, asked, shown.kept.predicted, shown.runs, shown.kept.recorded)
