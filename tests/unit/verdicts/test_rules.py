"""When two sizes are called different, and that the browser is told the same."""

from core.verdicts import rules


def test_a_size_keeps_grows_or_shrinks():
    assert [rules.growth(1.0, last) for last in (0.8, 1.0, 1.25, 1.26, 0.79, 0.0)] == [
        "keeps", "keeps", "keeps", "grows", "shrinks", "shrinks",
    ]  # fmt: skip
    assert rules.growth(0.0, 1.0) == "grows"


def test_the_browser_has_these_numbers():
    assert rules.for_browser()["apart"] == rules.APART
    assert tuple(rules.for_browser()["keeps"]) == rules.KEEPS
    assert rules.LIFELESS < rules.HEALTHY
