"""Filters: what they let pass, what they refuse and how they say so."""

import builtins
import math
import os

import pytest

from core.catalogue.filter_fields import OWN, kinds, meant
from core.catalogue.filters import LONGEST, FilterError, parse
from core.config import settings
from tests.conftest import small

RUN = {
    **small(model__depth=12, model__residual="attention").flat(),
    "name": "Warm-up saves it",
    "id": "20261121-1000-warm-up",
    "state": "finished",
    "tags": ["Baseline", "paper"],
    "note": "second try",
    "step": 30,
    "loss": 2.5,
    "validation": math.nan,
    "best_loss": 2.25,
    "best_validation": None,
    "grid": "",
    "verdict": "learned",
}


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("   ", True),
        ('model.depth >= 12 and placement == "post"', False),
        ('model.depth >= 12 and placement == "pre"', True),
        ("depth > 12 or loss < 3", True),
        ("not depth > 12", True),
        ("4 <= depth <= 12", True),
        ("4 <= depth < 12", False),
        ("12 <= depth", True),
        ("depth ≥ 12", True),
        ("placement in (pre, post)", True),
        ("placement in [post]", False),
        ("placement not in ['post', 'none']", True),
        ("depth in (6, 12)", True),
        ('"saves" in name', True),
        ('name == "WARM-UP SAVES IT"', True),
        ('"baseline" in tags', True),
        ("draft in tags", False),
        ("draft not in tags", True),
        ("tags and not grid", True),
        ("learning_rate <= 1e-3", True),
        ("loss > -1.5", True),
        ("loss == 2.5 and best_loss < loss", True),
        ("depth < width", True),
        ("residual == attention", True),  # not probes.attention
        ("residual in (attention, off)", True),
        ("residual == on", False),
        ("norm == none", False),
        ("path == none", True),
        ("data.corpus == python-reference", True),
        ("model.bias == true", True),
        ("model.bias and not model.head_bias", True),
        ("state == done", True),
        ("verdict == learned", True),
        ("training.threads > 0", True),
        ("feedforward_width > 0", False),  # auto is neither more nor less
        ("feedforward_width == auto", True),
        ('"second" and depth == 12', True),  # a word among conditions is searched for
        ('"third" and depth == 12', False),
        ("((depth == 12))", True),
    ],
)
def test_what_passes(text: str, passes: bool) -> None:
    assert parse(text).matches(RUN) is passes


@pytest.mark.parametrize("sign", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("name", ["validation", "best_validation"])
def test_what_is_not_there_fails_every_comparison(name: str, sign: str) -> None:
    assert not parse(f"{name} {sign} 2").matches(RUN)
    assert not parse(f"2 {sign} {name}").matches(RUN)
    assert parse(f"{name} == none").matches(RUN)
    assert not parse(f"{name} != none").matches(RUN)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("saves", True),
        ("warm SAVES finished", True),
        ("second try", True),
        ("baseline", True),
        ("model.placement=pre", True),
        ("model.placement=post", False),
        ("depth=12", True),
        ('"up saves"', True),
        ('"saves up"', False),
        ("second in queue", False),  # words, although `in` is one of them
        ("try and", False),
        ("20261121-1000", True),
        ("run (2)", False),
    ],
)
def test_plain_words_are_searched_for(text: str, passes: bool) -> None:
    assert parse(text).matches(RUN) is passes
    assert parse(text).names == frozenset()


def test_a_filter_tells_the_names_it_asks_for() -> None:
    found = parse("residual == attention and depth > 3 and not tags or loss < 2")
    assert found.names == {"model.residual", "model.depth", "tags", "loss"}


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("modl.depth > 3", 1, "did you mean model.depth"),
        ("loss < 3 and model.dept > 3", 14, "did you mean model.depth"),
        ('placment == "post"', 1, "did you mean model.placement"),
        ('depth > "x"', 9, "model.depth is a number"),
        ("depth > widht", 9, "did you mean model.width"),
        ("depth == true", 10, "model.depth is a number"),
        ("depth in (6, x)", 14, "model.depth is a number"),
        ("placement == pots", 14, "did you mean post"),
        ("placement > 3", 13, "model.placement is text"),
        ("placement in (pre, pots)", 20, "accepted: pre, post"),
        ("state == plateau", 10, "accepted: queued"),
        ("model.bias == 1", 15, "accepted: true, false"),
        ("tags == x", 1, "in tags"),
        ("depth = 12", 7, "write =="),
        ("depth == (3", 10, "never closed"),
        ("depth == 12 and", 16, "ends before"),
        ("depth == 12 12", 13, "can't be read"),
        ("depth is 12 and loss > 3", 10, "write =="),
        ("loss - validation > 1", 1, "neither a name nor a value"),
        ("depth in 12 and loss > 3", 10, "nothing can be in"),
        ("depth == (6, 12)", 10, "want in"),
        ("loss > none", 8, "neither less nor more"),
        ("depth > name", 9, "different kinds"),
        ("a == b", 1, "not a name"),
        ("3 < 5", 1, "not a name"),
        ("größe == 1 or depht > 3", 1, "not a name"),
        ("größe in tags and depht > 3", 19, "did you mean model.depth"),
        ("depth > 3 # or more", 11, "#"),
        ("3 and depth > 3", 1, "not a condition"),
        ("not " * 40 + "depth > 3", 105, "levels deep"),
        ("-" * 900 + "1 < depth", 1, ""),
        ("(" * 400 + "depth > 3" + ")" * 400, 1, ""),
        ("depth > 3 or " * 100 + "x", LONGEST, "characters"),
    ],
)
def test_refusals_name_the_place_and_what_is_accepted(text: str, column: int, words: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    said = str(caught.value)
    assert words in said
    assert "accepted" in said
    assert "\n" not in said
    if words:
        assert caught.value.column == column, said


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('false') == 0",
        "().__class__.__bases__[0] == name",
        "len(name) > 3",
        "name.__class__ == 3",
        "[x for x in (1, 2)] == name",
        "(lambda: 3)() > depth",
        "f'{depth}' == name",
        "depth > 2 ** 99999999",
        "name[0] == x",
        "(depth := 3) == 3",
        "b'x' == name",
        "1j == depth",
        "... == depth",
        "{1: 2} == depth",
        "depth > 3 if depth else depth > 4",
        "not open('x') and depth > 3",
        "depth == *name",
    ],
)
def test_nothing_is_evaluated_as_python(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("something was called")

    monkeypatch.setattr(os, "system", refuse)
    monkeypatch.setattr(builtins, "eval", refuse)
    with pytest.raises(FilterError):
        parse(text)


def test_every_setting_has_a_kind_and_a_short_name() -> None:
    for dotted in settings():
        assert dotted in kinds()
        assert dotted in meant(dotted.rpartition(".")[2])
    assert not set(OWN) & {dotted.rpartition(".")[2] for dotted in settings()}


def test_values_of_odd_kinds_never_raise() -> None:
    odd = [None, math.nan, math.inf, "text", True, 3, 2.5, [], ["x"], {"a": 1}]
    texts = ["loss > 3", "name < m", "depth in (3, 4)", '"x" in tags', "x in name", "state == done"]
    for text in texts:
        found = parse(text)
        for value in odd:
            assert found.matches(dict.fromkeys(RUN, value)) in (True, False)
        assert found.matches({}) is False


def test_thousands_of_runs_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = parse("depth >= 12 and placement in (pre, post)")
    monkeypatch.setattr("ast.parse", None)
    assert sum(found.matches(RUN) for _ in range(3000)) == 3000
