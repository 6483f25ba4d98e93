"""Head scores, each on a pattern made by hand whose score is known."""

import math

import numpy as np
import pytest

from core.heads import scores

PERIOD, T = 8, 24


def one_hot(targets: list[int]) -> np.ndarray:
    """A pattern (1, 1, T, T) whose row i attends to targets[i] alone."""
    pattern = np.zeros((1, 1, len(targets), len(targets)))
    pattern[0, 0, range(len(targets)), targets] = 1
    return pattern


def uniform(length: int, dtype: type = np.float64) -> np.ndarray:
    rows = np.tril(np.ones((length, length))) / np.arange(1, length + 1)[:, None]
    return rows[None, None].astype(dtype)


INDUCTION = [max(0, i + 1 - PERIOD) for i in range(T)]
REPEATED = [i % PERIOD for i in range(T)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_uniform_causal_attention(dtype: type) -> None:
    found = scores.scores(uniform(64, dtype))
    expected = math.lgamma(65) / 64  # (ln 64!) / 64 = 3.206
    assert round(expected, 3) == 3.206
    assert found["entropy"] == pytest.approx(expected, rel=1e-4 if dtype is np.float16 else 1e-6)
    even = np.mean([1 / t for t in range(2, 65)])
    assert found["previous"] == pytest.approx(even, rel=1e-3)
    assert found["first"] == pytest.approx(even, rel=1e-3)
    assert "induction" not in found
    assert "duplicate" not in found


def test_an_induction_pattern() -> None:
    found = scores.scores(one_hot(INDUCTION), REPEATED)
    assert found["induction"] == 1
    # Rows from the period on have one earlier occurrence, or two, and look behind the later one.
    assert found["matching"] == 1
    assert found["duplicate"] == 0
    assert found["entropy"] == 0
    assert found["induction"] == scores.scores(one_hot(INDUCTION), period=PERIOD)["induction"]


def test_looking_at_the_same_token_is_not_induction() -> None:
    same = [max(0, i - PERIOD) for i in range(T)]
    found = scores.scores(one_hot(same), REPEATED)
    assert found["duplicate"] == 1
    assert found["induction"] == 0
    assert found["matching"] == 0


def test_the_token_before_and_the_first_token() -> None:
    before = scores.scores(one_hot([max(0, i - 1) for i in range(T)]))
    assert before["previous"] == 1
    assert before["first"] == pytest.approx(1 / (T - 1))  # row 1, whose token before is the first
    sink = scores.scores(one_hot([0] * T))
    assert sink["first"] == 1
    assert sink["previous"] == pytest.approx(1 / (T - 1))


def test_rows_of_the_first_period_do_not_count() -> None:
    pattern = one_hot(INDUCTION)
    pattern[0, 0, PERIOD - 1] = 0
    pattern[0, 0, PERIOD - 1, PERIOD - 1] = 1  # would attend to token 0 by the diagonal
    assert scores.scores(pattern, period=PERIOD)["induction"] == 1
    pattern[0, 0, PERIOD] = 0
    rows = T - PERIOD
    assert scores.scores(pattern, period=PERIOD)["induction"] == pytest.approx(1 - 1 / rows)


def test_each_head_has_its_own_numbers() -> None:
    pattern = np.concatenate([one_hot(INDUCTION), uniform(T)], axis=1)  # (1, 2, T, T)
    pattern = np.concatenate([pattern, pattern[:, ::-1]])  # (2, 2, T, T)
    found = scores.scores(pattern.astype(np.float16), REPEATED)
    for values in found.values():
        assert values.shape == (2, 2)
        assert values[0, 0] == values[1, 1] != values[0, 1] == values[1, 0]


def test_what_no_row_has_is_nan() -> None:
    found = scores.scores(uniform(1), [5])
    assert found["entropy"] == 0
    for name in ("previous", "first", "duplicate", "matching"):
        assert math.isnan(found[name].item()), name
    assert math.isnan(scores.scores(uniform(3), [1, 2, 3])["duplicate"].item())


def test_periods_are_found() -> None:
    assert scores.period_of(REPEATED) == PERIOD
    assert scores.period_of([1, 2, 1, 2, 1]) == 2
    assert scores.period_of([1, 2, 3, 1, 2]) is None  # not seen twice
    assert scores.period_of([1, 2, 3, 4]) is None
    assert scores.period_of([]) is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(L, H, T, T\)"):
        scores.scores(np.zeros((2, 4, 4)))
    with pytest.raises(ValueError, match="4 tokens needs as many ids"):
        scores.scores(uniform(4), [1, 2])
    with pytest.raises(ValueError, match="period: 4"):
        scores.scores(uniform(4), period=4)


def resting(targets: list[int], sink: np.ndarray) -> np.ndarray:
    """The pattern of `targets`, of which row i gives `sink[i]` to token 0 instead."""
    pattern = one_hot(targets) * (1 - sink)[:, None]
    pattern[..., 0] += sink
    return pattern


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_what_a_head_does_beside_its_sink(share: float) -> None:
    found = scores.without_sink(resting([max(0, i - 1) for i in range(T)], np.full(T, share)))
    assert found["previous"] == pytest.approx(1)
    assert found["entropy"] == pytest.approx(0, abs=1e-12)
    assert found["rest"] == pytest.approx((1 - share) * (T - 2) / (T - 1))  # row 1 looks at token 0
    found = scores.without_sink(resting(INDUCTION, np.full(T, share)), REPEATED)
    assert found["induction"] == pytest.approx(1)
    assert found["matching"] == pytest.approx(1)
    assert found["duplicate"] == 0


def test_a_row_counts_by_what_it_has_left() -> None:
    sink = np.zeros(T)
    sink[2::2] = 0.75  # half of the rows from 2 on look back with a quarter of their attention
    pattern = resting([max(0, i - 1) for i in range(T)], sink)
    before = np.eye(T, k=-1)[None, None]
    odd = np.arange(T) % 2 == 1
    pattern[..., odd, :] -= before[..., odd, :]
    pattern[..., odd, odd] += 1  # the others look at themselves
    rows = np.count_nonzero(~odd[2:])
    assert rows == T - 2 - rows
    assert scores.without_sink(pattern)["previous"] == pytest.approx(0.25 / (0.25 + 1))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_even_attention_beside_the_first_token(dtype: type) -> None:
    found = scores.without_sink(uniform(64, dtype), list(range(64)))
    rows = np.arange(1, 64)
    left = rows / (rows + 1)
    assert found["rest"] == pytest.approx(left.mean(), rel=1e-3)
    assert found["entropy"] == pytest.approx((left * np.log(rows)).sum() / left.sum(), rel=1e-3)
    second = rows[1:]
    expected = (1 / (second + 1)).sum() / (second / (second + 1)).sum()
    assert found["previous"] == pytest.approx(expected, rel=1e-3)
    assert np.isnan(found["duplicate"]).all()


def test_a_head_that_only_rests_has_no_rest() -> None:
    found = scores.without_sink(one_hot([0] * T), REPEATED)
    assert found["rest"] == 0
    for name in ("entropy", "previous", "duplicate", "matching", "induction"):
        assert math.isnan(found[name].item()), name
    assert set(found) == {"rest", *scores.SCORES} - {"first"}
