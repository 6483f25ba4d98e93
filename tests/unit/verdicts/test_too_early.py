"""What is said of a run that is too young for a verdict."""

import pytest

from core.verdicts.verdict import judge
from tests.fake_runs import Faker, config


@pytest.mark.parametrize(
    ("losses", "words"),
    [(1, "1 training loss so far, "), (3, "3 training losses so far, their mean")],
)
def test_one_loss_has_no_mean(store, losses, words):
    run = store.create(config("young", 400))
    faker = Faker(run, "lives")
    faker.start()
    faker.write(0, losses)
    faker.close()
    said = judge(run).sentence
    assert words in said
    assert ("mean" in said) == (losses > 1)
    assert "too early" in said
