"""What runs are called beside each other: by what differs, never by what they share."""

import itertools
from dataclasses import replace

import pytest

from core.catalogue.naming import LABEL, Subject, cut, labels, names
from core.config import RunConfig
from core.config.describe import described, is_made, short_title
from core.grids import grid
from core.presets import load
from core.presets import names as presets
from core.runs.store import describe

BASE = RunConfig()


def of_grid(axes, id="g", base=BASE):
    cells = grid("g", base, axes).plan().runs
    return [Subject(f"{id}{i:03}", c.name, c.config.flat(), grid=id) for i, c in enumerate(cells)]


def plain(id, name="", switches=(), **changes):
    config = RunConfig.from_flat({n.replace("__", "."): v for n, v in changes.items()})
    return Subject(id, name or describe(config), config.flat(), switches)


def words(text):
    return set(text.replace("(", "").replace(")", "").split(", "))


SHAPES = {
    "residual x placement": of_grid(
        {"model.residual": ["on", "off"], "model.placement": ["pre", "post"]}
    ),
    "eight": of_grid(
        {
            "model.residual": ["on", "off"],
            "model.placement": ["pre", "post", "sandwich", "none"],
            "model.depth": [2, 24],
        }
    ),
    "seeds": of_grid({"training.seed": [0, 1, 2]}),
    "rates": of_grid({"optimizer.learning_rate": [1e-4, 1e-3], "optimizer.warmup_steps": [0, 200]}),
    "norms": of_grid({"model.norm": ["layer", "rms", "dyt"], "training.seed": [3, 4]}),
    "steps": of_grid({"training.steps": [100, 200], "training.batch_size": [4, 8]}),
    "twins": [plain("1"), plain("2", model__placement="post")],
    "rewired twins": [
        plain("1"),
        plain("2", switches=[{"step": 150, "layers": "5", "residual": "off"}]),
    ],
    "families": [
        plain("1"),
        plain("2", model__family="mlp", data__corpus="digits"),
        plain("3", model__family="resnet", data__corpus="digits", model__norm="batch"),
    ],
    "overrides": [plain("1"), plain("2", model__overrides="0-3: placement=post")],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_names_differ_and_hold_nothing_that_all_share(shape):
    found = names(SHAPES[shape])
    assert len(set(found.values())) == len(SHAPES[shape]), found
    assert set.intersection(*(words(name) for name in found.values())) == set(), found
    short = labels(found)
    assert len(set(short.values())) == len(found)
    assert all(len(label) <= LABEL for label in short.values())


def test_a_grid_of_four_in_its_own_words():
    assert list(names(SHAPES["residual x placement"]).values()) == [
        "pre-LN, residual on",
        "post-LN, residual on",
        "pre-LN, residual off",
        "post-LN, residual off",
    ]
    assert list(names(SHAPES["seeds"]).values()) == ["seed 0", "seed 1", "seed 2"]
    assert list(names(SHAPES["twins"]).values()) == ["pre-LN", "post-LN"]
    assert list(names(SHAPES["rewired twins"]).values()) == [
        "pre-LN L6",
        "rewired at 150 (layer 6: residual off)",
    ]


def test_what_was_never_rewired_is_named_by_its_settings():
    off = [{"step": 150, "layers": "5", "residual": "off"}]
    own = plain("3", data__corpus="tiny-shakespeare")
    assert list(names([plain("1"), plain("2", switches=off), own]).values()) == [
        f"pre-LN L6, corpus {BASE.data.corpus}",
        "rewired at 150 (layer 6: residual off)",
        "pre-LN L6, corpus tiny-shakespeare",
    ]


def test_part_of_a_grid_drops_what_became_constant():
    whole = SHAPES["residual x placement"]
    assert list(names(whole[:2]).values()) == ["pre-LN", "post-LN"]
    assert list(names([whole[0], whole[2]]).values()) == ["residual on", "residual off"]
    assert list(names(whole[:1]).values()) == ["pre-LN L6"]


def test_given_names_stay_as_they_were_given():
    shown = [
        *SHAPES["residual x placement"],
        plain("x1", "my favourite, depth 6"),
        plain("x2", "post-ln-dies", model__placement="post"),
        plain("x3", "a" * 100),
    ]
    found = names(shown)
    assert [found[f"x{i}"] for i in (1, 2, 3)] == [one.name for one in shown[-3:]]
    renamed = [Subject(s.id, f"mine {s.id}", s.settings, grid="g") for s in shown[:4]]
    assert list(names(renamed).values()) == [one.name for one in renamed]
    assert labels(found)["x3"] == "a" * 23 + "…"


def test_equal_runs_get_a_number_and_the_oldest_none():
    assert names([plain("2"), plain("1"), plain("3")]) == {
        "1": "pre-LN L6",
        "2": "pre-LN L6 (2)",
        "3": "pre-LN L6 (3)",
    }
    given = names([plain("1", "mine"), plain("2", "mine"), plain("3", "mine (2)")])
    assert given == {"1": "mine", "2": "mine (3)", "3": "mine (2)"}
    seeds = names([plain("1"), plain("2", training__seed=1), plain("3", training__seed=1)])
    assert list(seeds.values()) == ["seed 0", "seed 1", "seed 1 (2)"]


def test_one_given_name_for_different_settings_is_told_apart():
    found = names([plain("1", "mine"), plain("2", "mine", optimizer__warmup_steps=200)])
    assert list(found.values()) == ["mine, warm-up 0", "mine, warm-up 200"]


def renamed(one, name):
    return replace(one, name=name, first=one.born)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["mine", "pre-LN L6", "seed 0", ""])
def test_no_name_changes_because_another_run_is_renamed(shape, name):
    shown = SHAPES[shape]
    before = names(shown)
    for which, one in enumerate(shown):
        taken = name or before[shown[which - 1].id]  # as its neighbour is called
        after = names([*shown[:which], renamed(one, taken), *shown[which + 1 :]])
        assert {**after, one.id: ""} == {**before, one.id: ""}
        assert after[one.id].startswith(taken) or taken == one.born
        assert len(set(after.values())) == len(shown)


def test_all_of_a_grid_may_be_renamed_one_by_one():
    shown = list(SHAPES["residual x placement"])
    before = names(shown)
    for turn, one in enumerate(shown):
        shown[turn] = renamed(one, f"mine {turn}")
        expected = [f"mine {i}" for i in range(turn + 1)]
        expected += [before[other.id] for other in shown[turn + 1 :]]
        found = names(shown)
        assert [found[other.id] for other in shown] == expected
    assert names([renamed(renamed(one, "a"), one.born) for one in SHAPES["seeds"]]) == names(
        SHAPES["seeds"]
    ), "renamed back to its first name, a run is called as it was"


def test_grids_beside_each_other_keep_their_own_words():
    other = of_grid({"model.depth": [2, 4]}, "h")
    found = names([*SHAPES["residual x placement"], *other])
    assert list(found.values())[-2:] == ["2 layers", "4 layers"]
    again = of_grid({"model.depth": [2, 4]}, "k")
    assert list(names([*other, *again]).values()) == [
        "2 layers", "4 layers", "2 layers (2)", "4 layers (2)",
    ]  # fmt: skip


def test_long_names_that_begin_alike_are_cut_to_differ():
    long = {str(i): f"a name that goes on and on and on, {i}" for i in range(12)}
    assert len(set(labels(long).values())) == 12
    same = {"1": "a name that goes on and on", "2": "a name that goes on and on"}
    assert len(set(labels(same).values())) == 1, "one name is one label"
    alike = {str(i): f"{'a' * 30}{i}{'b' * 30}" for i in range(3)}
    found = labels(alike)
    assert len(set(found.values())) == 3
    assert all(len(one) <= LABEL for one in found.values())


def test_names_are_cut_between_words():
    shown = {str(i): f"post-LN, residual off, seed {i}" for i in range(3)}
    assert list(labels(shown).values()) == ["post-LN…seed 0", "post-LN…seed 1", "post-LN…seed 2"]
    assert cut("rate 0.001, warm-up 200 steps") == "rate 0.001, warm-up 200…"
    assert cut("a rather long name that somebody gave") == "a rather long name that…"
    assert cut("pre-LN, residual attention") == "pre-LN, residual…"


def test_settings_that_read_alike_do_not_hang():
    near = [plain(str(i), optimizer__learning_rate=0.001 + i * 1e-12) for i in range(3)]
    assert len(set(names(near).values())) == 3


def test_any_mixture_has_names_of_its_own():
    every = [one for shape in SHAPES.values() for one in shape]
    every = [
        Subject(f"{i:04}", one.name, one.settings, one.switches, one.grid)
        for i, one in enumerate(every)
    ]
    found = names(every)
    assert len(set(found.values())) == len(every)
    for some in itertools.islice(itertools.combinations(every[::3], 4), 60):
        assert len(set(names(some).values())) == 4


def test_what_the_laboratory_calls_runs_is_known():
    for preset in presets():
        config = load(preset).config
        assert is_made(describe(config), config.flat())
        assert not is_made(preset, config.flat())
    assert is_made(f"pre-LN L6, {short_title('optimizer.warmup_steps')} 0", BASE.flat())
    assert not is_made("pre-LN L6, warm-up 7", BASE.flat())
    cells = grid("g", BASE, {"model.overrides": ["0-3: placement=post, norm=rms", ""],
                             "model.depth": [6, 8]}).plan().runs  # fmt: skip
    for cell in cells:
        assert is_made(cell.name, cell.config.flat(), of_grid=True)
        assert not is_made(cell.name, cell.config.flat()), "somebody typed it"
    assert described(BASE.flat()) == "pre-LN L6"


def test_a_fork_says_where_it_started_and_is_no_repeat_of_its_parent():
    parent = plain("1")
    same = replace(parent, id="2", name=f"{parent.name}, from step 200 of x",
                   fork="from step 200 of x")  # fmt: skip
    slower = plain("3", optimizer__learning_rate=1e-4)
    slower = replace(slower, name=f"{slower.name}, from step 200 of x", fork="from step 200 of x")
    found = names([parent, same, slower])
    assert "from step" not in found["1"]
    assert found["2"].count("from step 200 of x") == found["3"].count("from step 200 of x") == 1
    assert "rate 0.0001" in found["3"]
    assert len(set(found.values())) == 3
    assert names([replace(same, name="my own")]) == {"2": "my own"}
