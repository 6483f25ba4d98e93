"""The parameters of an address: one reader, one store of what an address gets wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.runs import RunStore
from dashboard.address import param
from dashboard.address.param import Param, among, ids, no_longer, several, within, word
from dashboard.settings.address import PARAMS
from dashboard.ui import language  # noqa: F401, so that sessions are asked for theirs
from tests.fake_runs import finished

PAGES = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages"


def test_values_and_sentences_come_together() -> None:
    params = [word("sort", ["best", "last"]), Param("depth", 6, within(int, 1, 9))]
    assert param.read(params, {}) == ({"sort": "best", "depth": 6}, {})
    values, problems = param.read(params, {"sort": "bets", "depth": "3", "utm": "x"})
    assert values == {"sort": "best", "depth": 3}
    assert problems == {
        "sort": [
            "The address says sort = bets, which is not possible"
            " (did you mean best? accepted: best, last); best is used."
        ]
    }


def test_an_empty_text_is_the_default_and_a_long_one_is_cut() -> None:
    one = Param("text", "", no_longer(100))
    assert one.read({"text": ""}) == ("", [])
    value, (sentence,) = one.read({"text": "x" * 101})
    assert value == ""
    assert "x" * 61 not in sentence
    assert "accepted: at most 100 letters" in sentence
    assert "is used" not in sentence, "nothing is no value that could be used"


def test_of_two_spellings_the_own_one_wins() -> None:
    one = Param("model_depth", 6, int, spellings=("model.depth",))
    assert one.read({"model.depth": "2"}) == (2, [])
    assert one.read({"model_depth": "4", "model.depth": "2"}) == (4, [])


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (0.85, "0.85"), (1 / 3, repr(1 / 3)), (["a", "b"], "a,b"), ((), ""), (7, "7")],
)
def test_a_value_is_written_so_that_it_can_be_read(value: Any, text: str) -> None:
    assert Param("name", None, str).text(value) == text
    assert Param("name", value, str).text(value) == "", "an address leaves out defaults"


def test_of_runs_those_that_are_here_are_taken() -> None:
    one = param.runs("runs", ["a", "b"])
    assert one.read({"runs": "b,gone,a,b"}) == (
        ("b", "a"),
        ["The address names run gone, which is not here."],
    )
    assert one.text(("b", "a")) == "b,a"
    assert len(one.read({"runs": "1,2,3,4,5"})[1]) == 4


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (among(["lens"]), "x"),
        (several(["a", "b"]), "a,c"),
        (within(float, 0, 2), "nan"),
        (within(int, 0, 2), "1.5"),
        (no_longer(2), "abc"),
    ],
)
def test_what_is_refused_says_what_is_accepted(parse: Any, text: str) -> None:
    with pytest.raises(ValueError, match="accepted: "):
        parse(text)
    assert ids([])("") == ()


# The store of problems


@pytest.fixture
def run(store: RunStore) -> Any:
    return finished(store, steps=20)


def said(at: AppTest) -> list[str]:
    """The problems of its address that a page says."""
    return [body for e in at.get("html") if "The address" in (body := str(e.proto.body))]


@pytest.mark.parametrize(
    ("page", "name", "text"),
    [
        ("lab", "model_depth", "deep"),
        ("lab", "lab_runs", "nobody"),
        ("compare", "compare_x", "miles"),
        ("compare", "compare_zoom", "1,2"),
        ("compare", "group_by", "beauty"),
        ("attention", "attention_sort", "size"),
        ("attention", "attention_layer", "77"),
        ("attention", "attention_runs", "nobody"),
        ("anatomy", "anatomy_section", "heart"),
        ("anatomy", "anatomy_run", "nobody"),
    ],
)
def test_every_page_says_what_its_address_gets_wrong_and_opens(
    run: Any, page: str, name: str, text: str
) -> None:
    at = AppTest.from_file(PAGES / f"{page}.py", default_timeout=120)
    at.query_params[name] = text
    at.run()
    assert [e.value for e in at.exception] == []
    (sentence,) = said(at)
    assert "The address" in sentence
    assert text in sentence
    assert text in " ".join(said(at.run())), "it stays until something is changed"


def test_a_change_forgives_what_the_address_said(run: Any) -> None:
    at = AppTest.from_file(PAGES / "anatomy.py", default_timeout=120)
    at.query_params["anatomy_section"] = "heart"
    at.run()
    assert len(said(at)) == 1
    at.button_group(key="anatomy_section").set_value("lens").run()
    assert said(at) == []


def test_an_address_says_the_same_words_in_every_language(run: Any) -> None:
    at = AppTest.from_file(PAGES / "compare.py", default_timeout=120)
    at.session_state["spoken"] = "zh"
    at.query_params["compare_x"] = "tokens"
    at.run()
    x = at.button_group(key="compare_x")
    assert x.value == "tokens"
    assert [option.content for option in x.proto.options][:2] == ["步", "词元"]
    x.set_value("seconds").run()
    assert at.query_params["compare_x"] == "seconds"
    at.selectbox(key="compare_profile").set_value("attention entropy").run()
    assert at.query_params["compare_profile"] == "attention entropy"
    at.button_group(key="compare_x").set_value("step").run()
    assert "compare_x" not in at.query_params, "an address leaves its default out"


@pytest.mark.parametrize("value", ["nan", "-nan", "NaN"])
def test_a_value_that_is_no_number_is_told_what_is_one(value: str) -> None:
    used, (sentence,) = PARAMS["probes.budget"].read({"probes_budget": value})
    assert used == 5.0
    assert "finite number, at most 100" in sentence
    assert (
        "less than or equal to 100" in PARAMS["probes.budget"].read({"probes_budget": "250"})[1][0]
    )
