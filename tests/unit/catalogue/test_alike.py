"""Which runs are seeds of one setting, which are repeats, and means that say of how many."""

import math

import numpy as np
import pytest

from core.catalogue import index as catalogue
from core.catalogue.means import mean_of, times
from core.config.alike import experiment_key, setting_key
from core.files import write_json
from dashboard.compare import groups, rows
from dashboard.report.series import groups as report_groups
from dashboard.report.series import lines
from tests.fake_runs import Faker, config, finished
from tests.javascript import evaluate

OFF = {"step": 5, "layers": "1", "residual": "off"}


def test_the_seed_is_no_part_of_a_setting_and_a_switch_is():
    a, b = {"training.seed": 0, "model.depth": 2}, {"training.seed": 1, "model.depth": 2}
    assert setting_key(a) == setting_key(b) != setting_key(a, [OFF])
    assert experiment_key(a) != experiment_key(b)
    assert experiment_key(a) == experiment_key(dict(a)) != experiment_key(a, [OFF])


def test_a_mean_says_of_how_many_and_repeats_count_once():
    found = mean_of([("a", 1.0), ("a", 3.0), ("b", 5.0), ("c", math.nan), ("d", None)])
    assert (found.value, found.count, found.of, found.experiments) == (3.5, 3, 5, 2)
    assert (found.low, found.high, found.whole) == (2.0, 5.0, False)
    assert mean_of([("a", 1.0), ("a", 1.2)]).deviation is None, "no spread over one seed"
    assert mean_of([]).value is None
    assert [times(k) for k in ("a", "ab", "aab", "aa")] == [
        "",
        "×2",
        "×3 (2 seeds)",
        "×2 (one seed)",
    ]


def seeds(store, *given, switched=()):
    runs = [finished(store, "pre-LN L6", steps=40, training__seed=seed) for seed in given]
    for i in switched:
        write_json(runs[i].path / "switches.json", [OFF])
    return runs


def test_a_rewired_run_is_not_a_seed_of_the_others(store):
    runs = seeds(store, 0, 1, 2, switched=[2])
    entries = catalogue.entries(store)
    labels = groups.labels(entries, groups.SEED)
    assert set(labels) == {runs[0].id, runs[1].id}
    assert [len(group.runs) for group in report_groups(runs)] == [2, 1]
    names = [group.name for group in report_groups(runs)]
    assert names == ["pre-LN L6", "rewired at 5 (layer 2: residual off)"]


def test_a_switch_by_hand_is_seen_in_a_listed_run(store):
    runs = seeds(store, 0, 1)
    assert len(groups.labels(catalogue.entries(store), groups.SEED)) == 2
    write_json(runs[0].path / "switches.json", [OFF])
    assert groups.labels(catalogue.entries(store), groups.SEED) == {}


def test_no_number_of_a_run_changes_because_another_is_shown(store):
    for i, (fate, seed) in enumerate([("lives", 0), ("lives", 0), ("diverges", 1), ("plateau", 2)]):
        finished(store, f"run {i}", fate, steps=130, training__seed=seed)
    entries = catalogue.entries(store)
    numbers = ("validation", "training", "state", "words", "steps", "experiment", "layers")

    def shown(some):
        labels = groups.labels(some, groups.SEED)
        made = rows.rows(some, rows.columns(some), labels, {})
        return {row["id"]: [row[name] for name in numbers] for row in made}

    random = np.random.default_rng(0)
    everything = shown(entries)
    for _ in range(20):
        some = [entry for entry in entries if random.random() < 0.6]
        assert shown(some) == {entry.id: everything[entry.id] for entry in some}
        for entry in some:
            [alone] = lines(report_groups([entry.run]), "loss/train")
            several = lines(report_groups([one.run for one in some], {}), "loss/train")
            [same] = [line for line in several if line.name == alone.name]
            assert same.y.tolist() == alone.y.tolist()


def wrote(store, last, seed):
    run = store.create(config("x", 100, training__seed=seed))
    faker = Faker(run, seed=seed)
    faker.start()
    steps = np.arange(last)
    faker.writers["step"].write(
        {"step": steps, "seconds": steps * 0.1, "loss/train": np.full(last, 2.0 + seed)}
    )
    faker.close()
    faker.status("stopped", last)
    return run


def test_the_reports_mean_ends_where_one_of_its_runs_ends(store):
    runs = [wrote(store, 60, 0), wrote(store, 100, 1)]
    [line] = lines(report_groups(runs), "loss/train")
    assert line.x[-1] == 59
    assert line.name.endswith("to step 59")
    assert set(line.y.tolist()) == {2.5}, "and does not jump to the one that goes on"
    again = [wrote(store, 50, 0), wrote(store, 50, 0), wrote(store, 50, 3)]
    [line] = lines(report_groups(again), "loss/train")
    assert set(line.y.tolist()) == {3.5}, "a repeated seed counts once"
    assert line.low is not None
    [line] = lines(report_groups(again[:2]), "loss/train")
    assert line.low is None, "repeats are no spread"


# What the browser makes of groups


def browser(script):
    """What a script returns in the browser's modules."""
    return evaluate(script)


MADE = (
    "const make = (n, v) => cellsOf({ steps: [...Array(n).keys()],"
    " values: [...Array(n).keys()].map((i) => (typeof v === 'function' ? v(i) : v)), width: 1 });"
)


def test_the_browsers_mean_is_drawn_where_all_runs_have_a_value():
    cells = browser(MADE + "return acrossRuns([make(6, 1), make(9, 3)]).map((c) => c.mean)")
    assert cells == [2] * 6 + [None] * 3
    broken = browser(
        MADE
        + "return acrossRuns([make(5, 1), make(5, (i) => (i > 2 ? null : 3))]).map((c) => c.mean)"
    )
    assert broken == [2, 2, 2, None, None]
    thinned = browser(
        MADE + "const half = cellsOf({ steps: [0, 1, 4, 5], values: [3, 3, 3, null],"
        " buckets: [0, 4], means: [3, 3], width: 4 });"
        "return acrossRuns([half, make(8, 1)]).map((c) => c.mean)"
    )
    assert thinned == [2, None], "a bucket that became no number is none"


def test_the_browser_averages_repeats_first():
    script = MADE + "return acrossRuns([make(3, 1), make(3, 1), make(3, 4)], [[0, 1], [2]])"
    assert [cell["mean"] for cell in browser(script)] == [2.5] * 3
    alone = browser(MADE + "return acrossRuns([make(3, 1), make(3, 2)], [[0, 1]])[0]")
    assert (alone["mean"], alone["low"]) == (1.5, None)


def test_the_browsers_table_has_the_deviation_of_the_report():
    values = [3.31, 2.62, 2.9, 2.5]
    found = browser(
        "const rows = ['a', 'b', 'b', 'c'].map((experiment, id) => ({ id, experiment }));"
        f"return spread({values}, rows)"
    )
    mean = mean_of(zip("abbc", values, strict=True))
    assert found["deviation"] == pytest.approx(mean.deviation)
    assert (found["experiments"], found["count"]) == (mean.experiments, mean.count) == (3, 4)
    told = browser(
        "const rows = [{ id: 1, experiment: 'a' }, { id: 2, experiment: 'a' },"
        " { id: 3, experiment: 'b' }];"
        "return [figure(spread([1, 2, 3.5], rows)), figure(spread([1, 2, null], rows)),"
        " timesOf(rows), timesOf(rows.slice(0, 2)), timesOf(rows.slice(1))]"
    )
    assert told == ["2.500 ±1.414", "1.500 (2 of 3)", "×3 (2 seeds)", "×2 (one seed)", "×2"]
