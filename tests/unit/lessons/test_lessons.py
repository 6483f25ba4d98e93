"""Lessons are read as they are written; what they say comes out of runs."""

from __future__ import annotations

import math
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from core.config.resolving import idle
from core.files import write_json
from core.language import Message
from core.lessons import Lesson, LessonError, facts, lessons, problems, recorded
from core.lessons.formulas import Formula, FormulaError, UnknownError
from core.lessons.library import _shipped, read
from core.lessons.result import EARLY, GAP, result
from core.runs import RunStore
from core.runs.snapshots import Snapshots
from tests.fake_runs import UNIGRAM, finished

FILE = Path(__file__).with_name("warm_up.toml")  # a lesson of these tests' own


def written(**changes) -> Lesson:
    """The tests' lesson with parts of its file exchanged."""
    return Lesson(**{"id": "x", **tomllib.loads(FILE.read_text("utf-8")), **changes})


WARM_UP = written()


# Formulas


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 ** 2 / 2 - -1", 11),
        ("a > 1 and not a == 3", True),
        ("1 < a < 2 or 'x' in ('x', 'y')", True),
        ("round(sqrt(16) + log(exp(2)))", 6),
        ("min(a, inf)", 2),
    ],
)
def test_a_formula_is_computed(text: str, value: object):
    assert Formula(text).value({"a": 2}, {}) == value


@pytest.mark.parametrize(
    "text", ["", "a.b", "a[0]", "lambda: 1", "[x for x in a]", "__import__('os').system", "a := 1"]
)
def test_what_is_no_formula_is_refused(text: str):
    with pytest.raises(FormulaError):
        Formula(text)


def test_what_is_not_known_is_not_guessed():
    for text in ("a + 1", "1 / 0", "exp(1000)"):
        with pytest.raises(UnknownError):
            Formula(text).value({}, {})


# Files


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"facts": {"x": "final_loss(nobody)"}}, "nobody"),
        ({"facts": {"x": "guess(plain)"}}, "guess"),
        ({"papers": ["NOBODY"]}, "NOBODY"),
        ({"controls": [{"setting": "model.nothing", "values": [1, 2]}]}, "model.nothing"),
        ({"controls": [{"setting": "model.heads", "values": [4, 5]}]}, "heads"),
        ({"explain": [{"text": "It is {nothing:.2f}."}]}, "nothing"),
        ({"outcomes": [{"kind": "expected", "explain": ["a"]}] * 2}, "last outcome"),
        ({"charts": [{"kind": "map", "runs": ["third"]}]}, "third"),
        ({"minutes": 5}, "minutes"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict, said: str):
    with pytest.raises(ValueError, match=said):
        written(**changes)


def test_a_refusal_names_the_file(tmp_path: Path):
    (tmp_path / "01-x.toml").write_text("title = 3")
    with pytest.raises(LessonError, match=r"01-x\.toml: "):
        read(tmp_path / "01-x.toml")


@pytest.mark.parametrize("lesson", lessons().values(), ids=lambda lesson: lesson.id)
def test_every_setting_of_a_shipped_lesson_does_something(lesson: Lesson):
    for planned in lesson.runs:
        flat = lesson.config(planned.name).flat()
        for control in lesson.controls:
            if not control.runs or planned.name in control.runs:
                assert not idle(control.setting, flat), control.setting
    runs = [lesson.config(planned.name).flat() for planned in lesson.runs]
    told = {tuple(sorted((name, str(value)) for name, value in flat.items())) for flat in runs}
    assert len(told) == len(runs), "two runs are the same"


def test_lessons_are_read_without_torch():
    script = (
        "import sys; from core.lessons import lessons; from core.lessons import result, recorded;"
        " assert lessons(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


# Facts


def test_facts_of_a_run(store: RunStore):
    run = finished(store, "lives", training__evaluate_every=100)
    steps, losses = run.series("loss/train")
    assert facts.verdict(run) == "learned"
    assert facts.final_loss(run) == pytest.approx(losses[-50:].mean(), rel=1e-5)
    assert facts.first_loss(run) == pytest.approx(losses[0])
    assert facts.unigram_entropy(run) == pytest.approx(UNIGRAM)
    assert facts.below_frequencies(run) == pytest.approx(UNIGRAM - losses[-50:].mean(), rel=1e-4)
    assert facts.diverged_at(run) == math.inf
    assert facts.layers(run) == 6
    assert facts.setting(run, "model.placement") == "pre"
    assert facts.setting(run, "optimizer.learning_rate") == 1e-3
    other = finished(store, "other", model__depth=4, optimizer__warmup_steps=7)
    assert (facts.differences(run, run), facts.differences(run, other)) == (0, 2)
    crossed = facts.step_below(run, UNIGRAM)
    at = int(np.flatnonzero(steps == crossed)[0])
    assert losses[at - 19 : at + 1].mean() < UNIGRAM <= losses[at - 20 : at].mean()
    assert facts.step_below(run, 0.1) == math.inf


def test_facts_by_layer(store: RunStore):
    run = finished(store)
    steps, values = run.series("grad_norm/block")
    first, last = values[0], values[-1]
    of = "grad_norm/block"
    assert facts.value(run, of, layer=1, step="first") == pytest.approx(first[0])
    assert facts.value(run, of, layer=-1) == pytest.approx(last[-1])
    assert facts.value(run, of, layer=2, step=int(steps[1])) == pytest.approx(values[1][1])
    assert facts.largest(run, of, "first") == pytest.approx(first.max())
    assert facts.largest_layer(run, of, "first") == first.argmax() + 1
    assert facts.smallest(run, of) == pytest.approx(last.min())
    assert facts.peak(run, of) == pytest.approx(values.max())
    assert facts.trough(run, of) == pytest.approx(values.min())
    assert facts.trough(run, of, layer=2) == pytest.approx(values[:, 1].min())
    below = facts.layer_below(run, of, first[2] * 1.001, "first")
    assert below == np.flatnonzero(first < first[2] * 1.001)[0] + 1
    assert facts.layer_below(run, of, 0.0) == math.inf
    for wrong in ({"layer": 7}, {"layer": 0}, {}, {"layer": 1, "step": -5}):
        with pytest.raises(UnknownError):
            facts.value(run, of, **wrong)
    with pytest.raises(UnknownError):
        facts.value(run, "nothing")


def test_facts_of_heads(store: RunStore):
    run = finished(store)
    tokens = [0, 1, 2, 3] * 4
    write_json(run.path / "corpus.json", {**run.corpus, "probe_tokens": tokens})
    folder = Snapshots(run.path / "snapshots")
    for step in folder.steps:
        folder.path(step).unlink()
    uniform = np.tril(np.ones((2, 3, 16, 16)))
    uniform /= uniform.sum(-1, keepdims=True)
    formed = uniform.copy()
    for row in range(3, 16):
        formed[1, 2, row] = np.eye(16)[row - 3]
    folder.write(10, uniform)
    folder.write(20, formed)
    assert facts.head_score(run, "induction") == pytest.approx(1)
    assert (facts.head_layer(run, "induction"), facts.head_number(run, "induction")) == (2, 3)
    assert facts.head_score(run, "induction", 10) < 0.2
    assert facts.head_formed(run, "induction", 0.5) == 20
    assert facts.head_formed(run, "previous", 0.99) == math.inf
    with pytest.raises(UnknownError):
        facts.head_score(run, "beauty")


def test_a_run_that_has_not_ended_tells_nothing(store: RunStore):
    run = store.create(WARM_UP.config("warm"))
    for fact in (facts.verdict, facts.final_loss, facts.seconds, facts.last_step):
        with pytest.raises(UnknownError):
            fact(run)


def test_a_run_that_was_stopped_on_its_way_tells_nothing(store: RunStore):
    run = finished(store)
    run.write_status(run.record.model_copy(update={"state": "stopped", "step": 60}))
    with pytest.raises(UnknownError):
        facts.final_loss(run)


# Results


def runs(store: RunStore, plain: str, warm: str):
    return {
        "plain": finished(store, "without", plain, model__placement="post"),
        "warm": finished(store, "with", warm, optimizer__warmup_steps=200),
    }


def test_the_outcome_is_that_of_the_runs(store: RunStore):
    found = result(WARM_UP, runs(store, "plateau", "lives"))
    assert found.outcome.kind == "expected"
    said = " ".join(found.paragraphs)
    assert f"beside the unigram entropy of {UNIGRAM:.2f}" in said
    assert f"{found.facts['warm_loss']:.2f}" in said
    assert found.right(WARM_UP.predict.options) == 1
    other = result(WARM_UP, runs(store, "lives", "lives"))
    assert other.outcome.kind == "otherwise"
    assert "learned without a warm-up too" in other.paragraphs[0]
    assert other.right(WARM_UP.predict.options) == 0
    worst = result(WARM_UP, runs(store, "plateau", "plateau"))
    assert worst.outcome is WARM_UP.outcomes[-1]


def test_the_answer_is_that_of_the_runs(store: RunStore):
    found = result(WARM_UP, runs(store, "plateau", "lives"))
    question = WARM_UP.ask[0]
    ratio = found.facts["last"] / found.facts["first"]
    assert found.answer(question) == pytest.approx(ratio)
    assert found.is_right(question, ratio * 1.4) is True
    assert found.is_right(question, ratio * 1.6) is False
    said = found.said(question.because)
    assert isinstance(said, Message)
    assert f"a factor of {ratio:.0f}" in said


def test_what_is_asked_is_a_gap_until_it_is_answered(store: RunStore):
    found = result(WARM_UP, runs(store, "plateau", "lives"))
    open_ones = " ".join(found.explained(WARM_UP.ask))
    assert f"{GAP} times smaller" in open_ones
    assert f"{found.facts['warm_loss']:.2f}" in open_ones, "what nobody asks stands there"
    assert GAP not in " ".join(found.explained())


def test_too_early_is_said_where_a_fact_is_missing(store: RunStore):
    one = {"warm": finished(store)}
    for have in ({}, one, {**one, "plain": store.create(WARM_UP.config("plain"))}):
        found = result(WARM_UP, have)
        assert found.outcome is EARLY
        assert len(found.paragraphs) == 1
        assert found.right(WARM_UP.predict.options) is None
        assert found.is_right(WARM_UP.ask[0], 1) is None


def test_a_verdict_is_said_in_words(store: RunStore):
    lesson = written(explain=[{"text": "It {plain_verdict}."}])
    found = result(lesson, runs(store, "diverges", "lives"))
    assert found.paragraphs[-1] == "It diverged."
    assert found.facts["plain_verdict"] == "diverged"


def test_recorded_runs_have_ids_of_their_own():
    assert recorded.is_recorded(recorded.id_of("a", "b"))
    assert not recorded.is_recorded("20260101-000000000-x-1234")


def test_a_folder_of_own_lessons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = FILE.read_text("utf-8")
    (tmp_path / "90-mine.toml").write_text(text.replace("Post-LN and its warm-up", "Mine"))
    (tmp_path / "91-add.toml").write_text(text.replace("Post-LN and its warm-up", "My Add"))
    (tmp_path / "92-torn.toml").write_text("title =")
    monkeypatch.setenv("ADDNORM_LESSONS", str(tmp_path))
    shipped = [lesson.id for lesson in _shipped().values()]
    assert list(lessons()) == [*shipped, "mine"]
    assert lessons()["mine"].title == "Mine"
    assert lessons()["add"].title == "My Add"
    assert len(problems()) == 1
    assert problems()[0].startswith("92-torn.toml: ")
    (tmp_path / "92-torn.toml").unlink()
    (tmp_path / "90-mine.toml").write_text(text.replace("Post-LN and its warm-up", "Mine again"))
    assert problems() == []
    assert lessons()["mine"].title == "Mine again"
