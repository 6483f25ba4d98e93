"""What a lesson's runs have shown: its facts, how they came out, what was right."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.language import Message, mark
from core.lessons.facts import FACTS
from core.lessons.formulas import Formula, UnknownError
from core.lessons.lesson import Lesson, Option, Outcome, Question
from core.runs import Run
from core.verdicts.labels import VERDICT_LABELS

Kind = Literal["expected", "otherwise", "early"]
VERDICT_WORDS: dict[Any, str] = {kind: label.said for kind, label in VERDICT_LABELS.items()}
GAP = "[?]"
EARLY = Outcome(
    kind="early",
    explain=[
        mark(
            "The runs have not got far enough for this lesson to say what they show. Wait until"
            " they have ended, or run them again."
        )
    ],
)


class Gap:
    """Stands in a text for a number that the reader is asked for, whatever its format."""

    def __format__(self, how: str) -> str:
        return GAP


@dataclass(frozen=True)
class Result:
    """Facts by name, of which those that are not known are left out, and what follows from them."""

    lesson: Lesson
    facts: Mapping[str, Any]
    names: Mapping[str, Any]  # what formulas may name: facts and runs

    @property
    def outcome(self) -> Outcome:
        """How the runs came out; `early` where what decides it is not known."""
        for one in self.lesson.outcomes:
            if not one.when:
                whole = set(self.lesson.facts) <= set(self.facts)
                return one if whole or one.kind == "early" else EARLY
            held = self.holds(one.when)
            if held is None:
                return EARLY
            if held:
                return one
        return EARLY

    @property
    def paragraphs(self) -> list[Message]:
        """The explanation with the reader's own numbers."""
        return self.explained()

    def explained(self, unanswered: Collection[Question] = ()) -> list[Message]:
        """The same for a reader with questions before him.

        What `unanswered` questions ask for stands in it as a gap, `GAP`.
        """
        asked = {name for question in unanswered for name in self.asked(question)}
        outcome = self.outcome
        texts = list(outcome.explain)
        if outcome.kind != "early":
            texts += [p.text for p in self.lesson.explain if not p.when or self.holds(p.when)]
        return [said for text in texts if (said := self.said(text, asked)) is not None]

    def said(self, template: str, asked: Collection[str] = ()) -> Message | None:
        """A text with the facts in it, a gap for those that are asked; None where one of them is
        not known.
        """
        shown = {n: Gap() if n in asked else _shown(v) for n, v in self.facts.items()}
        try:
            return Message(template, **shown)
        except (KeyError, ValueError):
            return None

    def asked(self, question: Question) -> set[str]:
        """The facts that give the answer to a question away; what is no number does not."""
        formulas = [one.when for one in question.options] or [question.answer]
        named = set().union(*(Formula(text).names for text in formulas))
        return {name for name in named if isinstance(self.facts.get(name), int | float)}

    def holds(self, when: str) -> bool | None:
        """Whether a condition holds; None where it is not known."""
        try:
            return bool(Formula(when).value(self.names, FACTS))
        except UnknownError:
            return None

    def right(self, options: Sequence[Option]) -> int | None:
        """The place of the option that turned out right; None where none did, or it is not known.

        The first whose condition holds.
        """
        for place, option in enumerate(options):
            held = self.holds(option.when)
            if held is None:
                return None
            if held:
                return place
        return None

    def answer(self, question: Question) -> float | None:
        """The right number; None where it is not known, infinite where it never happened."""
        try:
            return float(Formula(question.answer).value(self.names, FACTS))
        except UnknownError:
            return None

    def is_right(self, question: Question, given: float | int) -> bool | None:
        """Whether an answer is right: the place of an option, or a number. None: not known."""
        if question.options:
            right = self.right(question.options)
            return None if right is None else given == right
        known = self.answer(question)
        if known is None or not math.isfinite(known):
            return None
        return abs(given - known) <= max(question.margin, question.tolerance * abs(known)) + 1e-9


def result(lesson: Lesson, runs: Mapping[str, Run]) -> Result:
    """What the runs of a lesson show, by their names in it; those that are missing tell nothing."""
    names: dict[str, Any] = dict(runs)
    facts: dict[str, Any] = {}
    for name, text in lesson.facts.items():
        try:
            facts[name] = names[name] = Formula(text).value(names, FACTS)
        except UnknownError:
            continue
    return Result(lesson, facts, names)


def _shown(value: Any) -> Any:
    """A fact as a sentence has it: of a verdict its words."""
    return Message(VERDICT_WORDS[value]) if value in VERDICT_WORDS else value
