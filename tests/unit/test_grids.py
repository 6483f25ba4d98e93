"""Ablation grids: their cells, what a value brings, files, and refusals that teach."""

import subprocess
import sys
from pathlib import Path

import pytest

from core import durations, grids
from core.config import RunConfig
from core.grids import GridError
from core.runs import RunStore
from tests.conftest import small
from tests.fake_runs import finished

PLACED = {"model.placement": ["pre", "post", "none"]}


def made(axes, base=None):
    return grids.grid("test", base or RunConfig(), axes)


def test_the_cells_are_the_product_and_seeds_come_last():
    grid = made({"training.seed": [3, 4], "model.depth": [2, 6], "model.residual": ["on", "off"]})
    plan = grid.plan()
    assert len(grid) == len(plan.cells) == len(plan.runs) == 8
    seen = [cell.config.flat() for cell in plan.runs]
    assert [flat["training.seed"] for flat in seen] == [3] * 4 + [4] * 4
    assert len({(f["training.seed"], f["model.depth"], f["model.residual"]) for f in seen}) == 8
    assert plan.runs[0].name == "seed 3, depth 2, residual on"
    others = RunConfig().flat()
    assert all(flat[n] == others[n] for flat in seen for n in others if n not in grid.axes)


def test_no_placement_brings_no_norm_and_post_brings_nothing():
    plan = made(PLACED).plan()
    assert [cell.config.model.norm for cell in plan.runs] == ["layer", "layer", "none"]
    assert [cell.brought for cell in plan.runs] == [{}, {}, {"model.norm": "none"}]


def test_a_placement_of_a_base_without_norms_brings_a_norm():
    base = RunConfig.from_flat({"model.placement": "none", "model.norm": "none"})
    assert made({"model.placement": ["pre"]}, base).plan().runs[0].config.model.norm == "layer"


def test_cells_that_come_to_the_same_settings_are_one_run():
    plan = made({**PLACED, "model.norm": ["layer", "rms", "none"]}).plan()
    assert len(plan.cells) == 9
    assert len(plan.runs) == 5  # pre and post with two norms each, and none
    assert {(c.config.model.placement, c.config.model.norm) for c in plan.runs} == {
        *((p, n) for p in ("pre", "post") for n in ("layer", "rms")),
        ("none", "none"),
    }
    assert len(plan.merged) == 4
    for cell, first in plan.merged:
        assert cell.config == first.config
        assert "placement none, norm none" in cell.name


def test_what_contradicts_itself_is_impossible_and_says_why():
    plan = made({**PLACED, "model.scaling": ["one", "deepnorm"]}).plan()
    assert len(plan.runs) == 4
    reasons = [cell.reason for cell in plan.impossible]
    assert all("deepnorm needs placement post" in reason for reason in reasons)
    assert sum(plan.reasons.values()) == len(reasons) == 2
    widths = made({"model.width": [64, 30]}).plan()
    assert "model.heads" in widths.impossible[0].reason


def test_a_scaling_alone_brings_its_placement():
    plan = made({"model.scaling": ["one", "deepnorm", "rezero"]}).plan()
    wired = [(c.config.model.placement, c.config.model.norm) for c in plan.runs]
    assert wired == [("pre", "layer"), ("post", "layer"), ("none", "none")]


def test_families_bring_their_own_data_and_drop_what_they_do_not_read():
    plan = made({"model.family": ["transformer", "resnet"], "model.depth": [2, 4]}).plan()
    assert [c.config.data.corpus for c in plan.runs] == ["python-reference"] * 2 + ["digits"]
    assert len(plan.merged) == 1  # a ResNet has no depth


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"gird": {}}, ["gird", "did you mean grid", "preset"]),
        ({"grid": {"model": {"dept": [1]}}}, ["model.dept", "model.depth"]),
        ({"grid": {"model": {"depth": []}}}, ["model.depth", "empty"]),
        ({"grid": {"model": {"depth": 3}}}, ["model.depth", "[3]"]),
        ({"grid": {"model": {"depth": ["x"]}}}, ["model.depth", "integer"]),
        ({"grid": {"model": {"residual": ["of"]}}}, ["model.residual", "'off'"]),
        ({"grid": {"data": {"path": ["a"]}}}, ["data.path"]),
        ({"grid": {"optimizer.learning_rate": [0]}}, ["optimizer.learning_rate", "greater than 0"]),
        ({"grid": {"model.overrides": ["nonsense"]}}, ["model.overrides", "accepted"]),
        ({"grid": 3}, ["grid"]),
        ({}, ["one setting or more"]),
        ({"seeds": 0}, ["seeds", "1 to 1000"]),
        ({"seeds": 2, "grid": {"training.seed": [1]}}, ["seeds", "training.seed"]),
        ({"preset": "x", "seeds": 2}, ["preset", "first-minute"]),
        ({"base": {"model.heads": 5}, "seeds": 2}, ["heads", "accepted"]),
        ({"grid": {"model.depth": list(range(1, 257)), "model.width": [16, *range(1, 9)]}},
         ["2,304", "2,000"]),
    ],
)  # fmt: skip
def test_a_file_is_refused_in_the_settings_words(table, words):
    with pytest.raises(GridError) as error:
        grids.from_table(table)
    for word in words:
        assert word in str(error.value)


def test_a_file_with_nested_and_dotted_tables():
    grid = grids.from_table(
        {
            "name": "A grid",
            "preset": "pre-ln-lives",
            "base": {"model": {"width": 32}, "training.steps": 50},
            "grid": {"model": {"residual": [True, False, "on"]}, "optimizer.learning_rate": [1e-3]},
            "seeds": 2,
        }
    )
    assert (grid.name, grid.base.model.width, grid.base.training.steps) == ("A grid", 32, 50)
    assert grid.axes["model.residual"] == ("on", "off")
    first = grid.base.training.seed
    assert grid.axes["training.seed"] == (first, first + 1)


def test_seeds_may_be_named(tmp_path: Path):
    path = tmp_path / "my-grid.toml"
    path.write_text("seeds = [5, 9]\n[grid.model]\ndepth = [2]\n")
    grid = grids.load(str(path))
    assert (grid.name, grid.axes["training.seed"]) == ("my-grid", (5, 9))
    path.write_text("seeds = [")
    with pytest.raises(GridError, match="not TOML"):
        grids.load(str(path))
    with pytest.raises(GridError, match="which-trains"):
        grids.load("nowhere")


@pytest.mark.parametrize("name", grids.examples())
def test_the_examples_can_be_trained_within_minutes(name: str, store: RunStore):
    grid = grids.load(name)
    plan = grid.plan()
    assert grid.summary
    assert len(plan.runs) >= 8
    assert all(cell.config.data.corpus == "python-reference" for cell in plan.runs)
    cost = durations.cost(store, [cell.config for cell in plan.runs])
    assert not cost.problem
    assert 10 < cost.seconds < 20 * 60


def test_what_a_grid_costs(store: RunStore):
    configs = [c.config for c in made({"model.depth": [2, 12]}, small()).plan().runs]
    guess = durations.cost(store, configs)
    assert not guess.measured
    assert guess.memory == guess.places * durations.estimate.needed_bytes(
        configs[1], durations.vocabulary(configs[1])[0]
    )
    finished(store, steps=4, data__corpus="python-reference")
    assert not durations.cost(store, configs).measured, "first steps pay for what is loaded once"
    finished(store, steps=120, data__corpus="python-reference")
    known = durations.cost(store, configs)
    assert known.measured
    assert known.seconds > 0
    lost = RunConfig.from_flat({"data.corpus": "file", "data.path": "/nowhere"})
    assert "/nowhere" in durations.cost(store, [lost]).problem


def test_jobs_side_by_side_take_their_sum_over_the_places_and_no_less_than_the_longest():
    assert durations.together([4, 4, 4, 4], 2) == 8
    assert durations.together([1, 9], 2) == 9
    assert durations.together([], 2) == 0


def test_grids_know_no_torch():
    code = (
        "import core.grids, core.jobs.grids, core.cli.sweep, sys;"
        " print(sorted({'torch', 'streamlit', 'plotly'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
