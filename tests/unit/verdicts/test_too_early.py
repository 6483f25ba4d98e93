"""What is said of a run that is too young for a verdict."""

import pytest

from core.verdicts.verdict import judge
from tests.fake_runs import finished


@pytest.mark.parametrize(
    ("steps", "words"),
    [(0, "1 training loss so far, "), (2, "3 training losses so far, their mean")],
)
def test_one_loss_has_no_mean(store, steps, words):
    said = judge(finished(store, steps=steps)).sentence
    assert words in said
    assert ("mean" in said) == (steps > 0)
    assert "too early" in said
