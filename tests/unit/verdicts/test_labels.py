"""One table of words for states and verdicts: complete, the same in Python and in the browser."""

from typing import get_args

import pytest

from core.runs.status import ENDED, STATES
from core.verdicts import labels
from tests.javascript import evaluate


def test_every_state_and_verdict_has_its_words():
    assert set(labels.STATE_LABELS) == set(STATES)
    assert set(labels.VERDICT_LABELS) == set(get_args(labels.VerdictKind))
    assert set(labels.SIGNS) == {*labels.BAD_KINDS, *labels.BAD_STATES}
    assert set(labels.LIVE) | set(ENDED) == set(STATES)


def test_a_finished_run_is_called_finished_everywhere():
    args = ("finished", "learned", 30, 30)
    assert labels.state_words(*args) == labels.short_words(*args) == "finished"
    assert labels.for_browser()["states"]["finished"] == "finished"
    assert labels.STATE_ALIASES["done"] == "finished", "what was typed into a filter still holds"


@pytest.mark.parametrize("kind", labels.KINDS)
def test_a_finished_run_with_a_bad_verdict_is_called_by_it(kind):
    word = labels.VERDICT_LABELS[kind].short if kind in labels.BAD_KINDS else "finished"
    assert labels.state_words("finished", kind, 9, 9) == word
    assert labels.short_words("finished", kind, 9, 9) == word
    assert labels.warns("finished", kind) == (kind if kind in labels.BAD_KINDS else "")


def test_words_of_runs_under_way():
    assert labels.state_words("running", None, 41, 400) == "training, step 41 of 400"
    assert labels.short_words("running", None, 41, 400) == "training 10 %"
    assert labels.short_words("stopped", "plateau", 1041, 4000) == "stopped 1,041"
    assert labels.state_words("diverged", "diverged", 50, 400, 41) == "diverged at step 41"


def test_the_browser_uses_the_same_table():
    states, ended, bad, signs = evaluate("return [STATES, [...ENDED], [...BAD], SIGNS]")
    assert states == {state: label.word for state, label in labels.STATE_LABELS.items()}
    assert (ended, bad, signs) == (list(ENDED), list(labels.BAD_STATES), labels.SIGNS)
