"""What a run would cost, in words."""

import re

import pytest

from core.config import RunConfig
from dashboard.ui import cost

SMALL = RunConfig.from_flat({"model.width": 16, "model.heads": 2})
BIG = RunConfig()


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (9_800_000, "9.8 MB"), (123_400_000, "123 MB"), (5e12, "5.0 TB")],
)
def test_bytes(count, text):
    assert cost.in_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (40.2, "40 s"), (180, "3 min"), (9000, "2.5 h")]
)
def test_time(seconds, text):
    assert cost.in_time(seconds) == text


def test_a_run_like_the_measured_one_takes_as_long():
    for seconds in (0.001, 0.04, 3.0):
        measured = cost.Measured(cost.step_work(BIG, 97), seconds, BIG.model.depth)
        assert cost.step_seconds(BIG, 97, 2, measured) == pytest.approx(seconds)


def test_a_small_network_does_not_frighten():
    """A tiny network wastes most of its time between operations, a bigger one does not."""
    measured = cost.Measured(cost.step_work(SMALL, 97), 0.04, SMALL.model.depth)
    assert cost.step_seconds(BIG, 97, 2, measured) < 0.2


def test_a_guess_says_so():
    assert "a guess until the first run" in cost.duration(BIG, 97, None)
    assert re.fullmatch(
        r"[\d,]+ parameters · [\d.]+ MB to train, [\d.]+ GB free", cost.size(BIG, 97)
    )
