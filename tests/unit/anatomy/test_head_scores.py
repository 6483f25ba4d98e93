"""The scores of a checkpoint's heads: means over held-out windows, and repeated random tokens."""

import math

import numpy as np
import pytest

from core.anatomy import Silent
from core.anatomy.heads import heads, sequences
from core.anatomy.text_attention import patterns
from core.heads.scores import SCORES, period_of, scores, without_sink
from core.runs import RunStore
from tests.subjects import asking, subject_of

ASKED = {"windows": 3, "seed": 0}


def test_scores_of_text_are_means_over_the_windows(store: RunStore) -> None:
    subject = subject_of(store)
    answer = heads(subject, asking("heads", ASKED), Silent())
    windows = subject.held_out(3)[0].tolist()
    found = [scores(patterns(subject, ids).numpy(), ids) for ids in windows]
    for name in ("entropy", "previous", "first"):
        expected = np.mean([one[name] for one in found], axis=0)
        assert answer.result["scores"][name] == pytest.approx(expected)
    rest = [without_sink(patterns(subject, ids).numpy(), ids)["previous"] for ids in windows]
    assert answer.result["without_sink"]["previous"] == pytest.approx(np.mean(rest, axis=0))
    assert set(answer.result["without_sink"]) == {"rest", *SCORES} - {"first"}
    assert set(answer.arrays) == set(SCORES)
    for name, values in answer.arrays.items():
        assert values == pytest.approx(np.array(answer.result["scores"][name]), nan_ok=True)
    assert answer.result["uniform"]["entropy"] == pytest.approx(math.lgamma(17) / 16)
    assert answer.result["uniform"]["first"] == pytest.approx(sum(1 / t for t in range(2, 17)) / 15)


def test_the_best_of_each_score(store: RunStore) -> None:
    result = heads(subject_of(store), asking("heads", ASKED), Silent()).result
    for name, best in result["best"].items():
        values = np.array(result["scores"][name])
        assert best["value"] == (values.min() if name == "entropy" else values.max())
        assert values[best["layer"], best["head"]] == best["value"]


def test_repeated_tokens_have_a_random_period_and_repeat_once() -> None:
    found = sequences(64, 65, seed=0)
    periods = [len(ids) // 2 for ids in found]
    assert len(set(periods)) > 5
    assert all(16 <= period <= 32 for period in periods)
    for ids, period in zip(found, periods, strict=True):
        assert period_of(ids) == period
        assert len(set(ids)) == period, "no token twice within a period"
    assert found == sequences(64, 65, seed=0) != sequences(64, 65, seed=1)


def test_periods_that_the_alphabet_or_the_context_bounds() -> None:
    assert max(len(ids) for ids in sequences(512, 65, seed=0)) <= 130
    few = sequences(64, 4, seed=0)  # of four letters a period can't be free of repetitions
    assert {len(ids) > 30 for ids in few} == {True}
    assert {len(ids) for ids in sequences(4, 65, seed=0)} == {4}
    assert sequences(3, 65, seed=0) == []


def test_a_context_too_short_for_a_period_has_no_induction(store: RunStore) -> None:
    result = heads(subject_of(store, model__context=3), asking("heads", ASKED), Silent()).result
    assert result["periods"] == []
    assert result["best"]["induction"] is None
    assert np.isnan(result["scores"]["induction"]).all()
    assert result["best"]["entropy"] is not None


def test_the_same_question_has_the_same_answer(store: RunStore) -> None:
    subject = subject_of(store)
    first, again = (heads(subject, asking("heads", ASKED), Silent()).result for _ in range(2))
    assert first == again
