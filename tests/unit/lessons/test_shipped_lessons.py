"""The lessons that ship: whole, in both languages, quick enough, true of runs that were made."""

from __future__ import annotations

import itertools
import math
import string
from functools import cache

import pytest
import torch

from core import durations
from core.config import RunConfig
from core.language.catalogues import catalogue
from core.lessons import Lesson, lessons, recorded
from core.lessons.result import EARLY, GAP, Result, result
from core.runs import RunStore
from core.training.control import NullControl
from core.training.trainer import Trainer

CORES = 2
START = 1.5  # seconds until a run's first step, with torch loaded
# One step of twelve layers of width 32 on 16 x 32 letters takes 24 ms of one core (AMD EPYC).
STEP_SECONDS, STEP_DEPTH = 0.024, 12


each = pytest.mark.parametrize("lesson", lessons().values(), ids=lambda lesson: lesson.id)


def test_there_are_eleven_in_order():
    assert list(lessons()) == [
        "add",
        "norm",
        "plain-stack",
        "no-residuals",
        "post-ln-warm-up",
        "initialisation",
        "pre-ln-stream",
        "rank-collapse",
        "heads",
        "deepnorm",
        "repair",
    ]


@each
def test_every_text_has_its_chinese(lesson: Lesson):
    known = catalogue("zh")
    for text in lesson.texts:
        said = known.form(text)
        assert said, text
        assert _facts(said) == _facts(text), text


def _facts(text: str) -> list[tuple[str, str | None]]:
    """Facts and their formats, which a translation has to keep; its order is its own."""
    return sorted(
        (name, form) for _, name, form, _ in string.Formatter().parse(text) if name is not None
    )


@each
def test_texts_are_short(lesson: Lesson):
    for outcome in lesson.outcomes:
        for text in outcome.explain:
            assert len(text.split()) <= 120, text
    assert all(len(text.split()) <= 100 for text in lesson.intro)


@each
def test_a_lesson_takes_the_time_that_it_says(lesson: Lesson):
    configs = [lesson.config(planned.name) for planned in lesson.runs]
    seconds = [START + _seconds(config) for config in configs]
    assert durations.together(seconds, CORES) <= 60 * lesson.minutes
    assert lesson.minutes < 3


@cache
def _reference() -> durations.Measured:
    config = lessons()["post-ln-warm-up"].config("plain")
    return durations.Measured(durations.step_work(config, 8), STEP_SECONDS, STEP_DEPTH)


def _seconds(config: RunConfig) -> float:
    letters, problem = durations.vocabulary(config)
    assert letters is not None, problem
    return config.training.steps * durations.step_seconds(config, letters, 1, _reference())


@each
def test_recorded_runs_tell_all_that_the_lesson_says(lesson: Lesson):
    found = shipped(lesson)
    assert set(found.facts) == set(lesson.facts)
    # The last lesson's reader has still to repair the run.
    assert found.outcome.kind == ("otherwise" if lesson.id == "repair" else "expected")
    assert len(found.paragraphs) >= len(found.outcome.explain)
    assert found.right(lesson.predict.options) is not None
    for one in lesson.ask:
        answer = found.right(one.options) if one.options else found.answer(one)
        assert answer is not None
        assert math.isfinite(answer)
        assert found.is_right(one, answer)
        assert found.said(one.because)


@each
def test_no_explanation_gives_the_answer_away(lesson: Lesson):
    found = shipped(lesson)
    gaps = [one for one in found.explained(lesson.ask) if GAP in one]
    whole = found.explained()
    asked = {n for one in lesson.ask for n in found.asked(one)}
    assert len(gaps) == sum(any("{" + n in one.template for n in asked) for one in whole)


@each
def test_some_prediction_and_some_answer_is_always_right(lesson: Lesson):
    found = shipped(lesson)
    verdicts = [name for name in lesson.facts if name.endswith("_verdict")]
    for kinds in itertools.product(("learned", "plateau", "diverged"), repeat=len(verdicts)):
        facts = {**found.facts, **dict(zip(verdicts, kinds, strict=True))}
        other = Result(lesson, facts, {**found.names, **facts})
        assert other.right(lesson.predict.options) is not None, kinds
        assert all(other.right(one.options) is not None for one in lesson.ask if one.options)
        assert other.outcome is not EARLY


def shipped(lesson: Lesson) -> Result:
    """What a lesson says of the runs that ship with it."""
    runs = recorded.runs_of(lesson)
    assert set(runs) == {planned.name for planned in lesson.runs}
    return result(lesson, runs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("depth", "steps", "kind"),
    [(24, 200, "expected"), (4, 200, "otherwise"), (24, 20, "early")],
)
def test_what_a_lesson_says_comes_out_of_its_runs(
    store: RunStore, depth: int, steps: int, kind: str
):
    torch.set_num_threads(1)
    lesson = lessons()["plain-stack"]
    runs = {}
    for planned in lesson.runs:
        config = lesson.config(planned.name, {"model.depth": depth})
        run = store.create(RunConfig.from_flat({**config.flat(), "training.steps": steps}))
        Trainer(run, NullControl()).train()
        runs[planned.name] = run
    found = result(lesson, runs)
    assert found.outcome.kind == kind
    if kind == "early":
        assert found.outcome is EARLY
        assert found.right(lesson.predict.options) is None
        return
    assert f"{found.facts['added_right']:.0%}" in " ".join(found.paragraphs)
    assert found.right(lesson.predict.options) == (1 if kind == "expected" else 0)
    assert found.is_right(lesson.ask[0], round(100 * found.facts["added_right"]))
    assert not found.is_right(lesson.ask[0], 0)
