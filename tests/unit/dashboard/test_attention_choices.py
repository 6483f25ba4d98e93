"""What the Attention page offers, and what it says when that is not possible."""

import pytest

from core.runs import RunStore
from dashboard.attention import choices
from tests.fake_runs import Faker, config


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


def made(store, name, started=True, **flat):
    run = store.create(config(name, **flat))
    if started:
        Faker(run)._describe()
    return run


def test_which_runs_have_attention(store):
    assert choices.has_attention(made(store, "a"))
    assert not choices.has_attention(made(store, "b", model__sublayers="feedforward"))
    assert not choices.has_attention(made(store, "c", False, model__family="mlp"))


@pytest.mark.parametrize(
    ("flat", "says"),
    [
        ({}, ""),
        ({"model__placement": "post"}, ""),
        ({"model__depth": 3}, "6 layers, B 3"),
        ({"model__heads": 2}, "4 heads, B 2"),
        ({"probes__tokens": 32}, "64 tokens of it, B 32"),
    ],
)
def test_what_two_runs_lack_for_a_difference(store, flat, says):
    a, b = made(store, "a"), made(store, "b", **flat)
    assert says in choices.unfit(a, b)
    assert bool(choices.unfit(a, b)) == bool(says)
    own = choices.unfit(a, b, own_text=True)
    assert bool(own) == ("layers" in says or "heads" in says), "an own text is one text"


def test_runs_that_fit_come_first(store):
    a, deep, twin = made(store, "a"), made(store, "deep", model__depth=9), made(store, "twin")
    assert choices.others([deep, a, twin], a) == [twin, deep]


def test_equal_names_are_told_apart(store):
    runs = [made(store, "same"), made(store, "same"), made(store, "other")]
    words = choices.labels(runs)
    assert len(set(words.values())) == 3
    assert words[runs[2].id] == "other"


def test_a_text_that_a_run_can_not_read(store):
    run = made(store, "a")
    assert choices.text_problem(run, "hear me") == ""
    assert "never saw ß" in choices.text_problem(run, "heißßer")
    assert "at most 64" in choices.text_problem(run, "a" * 65)
    assert "not started" in choices.text_problem(made(store, "b", started=False), "a")


def test_a_question_that_can_not_be_asked_is_a_sentence(store):
    asked = choices.ask(store, [made(store, "a")], "attention", None, text="a")
    assert not asked.found
    assert "no checkpoint" in asked.problems[0]


@pytest.mark.parametrize(("wanted", "found"), [(None, 30), (0, 10), (14, 10), (29, 30), (99, 30)])
def test_the_nearest_checkpoint(wanted, found):
    assert choices.nearest([10, 20, 30], wanted) == found
    assert choices.nearest([], wanted) is None


@pytest.mark.parametrize(
    ("address", "found", "wrong"),
    [
        ({}, (None, None, None), 0),
        (
            {"attention_layer": "6", "attention_head": "1", "attention_step": "0"},
            (5, 0, 0),
            0,
        ),
        ({"attention_layer": "7"}, (None, None, None), 1),
        ({"attention_layer": "0", "attention_head": "x", "attention_step": "-1"}, (None,) * 3, 3),
    ],
)
def test_an_address_is_checked(store, address, found, wrong):
    opened, problems = choices.opened(address, made(store, "a"))
    assert (opened["layer"], opened["head"], opened["step"]) == found
    assert len(problems) == wrong
    assert all("accepted" in sentence for said in problems.values() for sentence in said)
