"""What agents may ask: answers of the documented types, cautions, refusals, and the budget."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from core.grids import GridError
from core.language import told
from core.programs import agent_shapes as shapes
from core.programs.budget import Budget, BudgetError
from core.programs.reading import Reading
from core.programs.starting import Training
from core.runs import RunError, RunStore
from tests.conftest import SMALL, small
from tests.fake_runs import checkpoint, finished


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)


@pytest.fixture
def tools(store: RunStore) -> Training:
    return Training(store, Budget(runs=4, steps=120))


def fits(kind: Any, found: Any) -> Any:
    TypeAdapter(kind).validate_python(found)
    return found


def test_runs_are_listed_by_a_filter_newest_first(store: RunStore, tools: Training) -> None:
    first, second = finished(store, "one", steps=60), finished(store, "two", steps=80)
    found = fits(shapes.RunsListed, tools.list_runs())
    assert [run["id"] for run in found["runs"]] == [second.id, first.id]
    assert [run["id"] for run in tools.list_runs("steps < 70")["runs"]] == [first.id]
    few = tools.list_runs(most=1)
    assert (len(few["runs"]), few["matching"]) == (1, 2)


def test_a_single_seed_is_answered_with_that_fact(store: RunStore, tools: Training) -> None:
    run = finished(store, "one", steps=200)
    told_alone = fits(shapes.RunAbout, tools.describe_run(run.id))
    assert "single seed" in told_alone["caution"]
    dead = finished(store, "dead", steps=200, fate="plateau", model__placement="post")
    pair = fits(shapes.Compared, tools.compare_runs([run.id, dead.id]))
    assert "uses its input" in pair["conclusion"]
    assert "single seed" in pair["caution"]
    for seed in (1, 2):
        finished(store, "one", steps=200, training__seed=seed)
        finished(store, "dead", steps=200, fate="plateau", model__placement="post",
                 training__seed=seed)  # fmt: skip
    assert tools.describe_run(run.id)["caution"] is None
    assert len(tools.describe_run(run.id)["others_of_this_setting"]) == 2
    whole = fits(shapes.Compared, tools.compare_runs([one.id for one in store.list()]))
    assert whole["caution"] is None
    assert [len(one["seeds"]) for one in whole["compared"]] == [3, 3]
    assert "standard error" in whole["conclusion"]
    low, high = sorted(one["loss"] for one in whole["compared"])
    assert f"{high - low:.3f} nats apart" in whole["conclusion"]


def test_runs_under_way_and_of_other_texts_are_compared_with_that_said(
    store: RunStore, tools: Training
) -> None:
    run = finished(store, "one", steps=60)
    waits = store.create(run.config, "waits")
    assert "has not ended" in tools.compare_runs([run.id, waits.id])["caution"]
    other = finished(store, "code", steps=60, data__corpus="python-reference")
    assert "can't be compared" in tools.compare_runs([run.id, other.id])["caution"]


def test_series_are_thinned_and_have_their_unit(store: RunStore, tools: Training) -> None:
    run = finished(store, "one", steps=300)
    found = fits(shapes.SeriesRead, tools.read_series(run.id, max_points=50))
    assert found["rows"] == 301
    assert len(found["steps"]) == len(found["values"]) <= 50
    assert found["unit"] == "nats per character"
    layers = fits(shapes.SeriesRead, tools.read_series(run.id, "grad_norm/block", 10))
    assert all(len(row) == run.config.model.depth for row in layers["values"])
    with pytest.raises(RunError, match="has no metric nonsense; it has: loss/train"):
        tools.read_series(run.id, "nonsense")
    with pytest.raises(RunError, match="max_points: 1; accepted: 2 to 2000"):
        tools.read_series(run.id, max_points=1)


def test_settings_presets_and_evidence_are_told(tools: Training) -> None:
    (depth,) = (one for one in fits(list[shapes.SettingAbout], tools.list_settings("depth"))
                if one["name"] == "model.depth")  # fmt: skip
    assert depth["least"] == 1
    assert "first-minute" in [one["name"] for one in tools.list_presets()]
    rows = fits(list[shapes.EvidenceRow], tools.list_evidence("norms"))
    assert {row["group"] for row in rows} == {"norms"}
    claim = fits(shapes.EvidenceRead, tools.read_evidence("layernorm-jacobian"))
    assert claim["verdict"] == "shown"
    assert not claim["measured_here"]
    assert claim["quantities"][0]["by_seed"]
    with pytest.raises(ValueError, match="did you mean layernorm-jacobian"):
        tools.read_evidence("layernorm-jacobia")


def test_a_twin_differs_in_one_setting_and_counts_off_the_budget(
    store: RunStore, tools: Training
) -> None:
    base = store.create(small(), "mine")
    made = fits(shapes.Started, tools.start_twin(base.id, "model.placement", "post"))
    twin = store.open(made["runs"][0])
    assert twin.meta["twin_of"] == base.id
    assert twin.status == "queued"
    changed = {n for n, v in twin.config.flat().items() if v != base.config.flat()[n]}
    assert changed == {"model.placement"}
    assert made["budget_left"] == {"runs": 3, "steps": 90, "flops": None}
    with pytest.raises(RunError, match=r"model\.placement is pre in this run already"):
        tools.start_twin(base.id, "model.placement", "pre")
    with pytest.raises(GridError, match=r"model\.placment is not a setting; did you mean"):
        tools.start_twin(base.id, "model.placment", "post")
    assert tools.stop_run(twin.id)["done"] == "stop sent"
    assert twin.status == "stopped"
    with pytest.raises(RunError, match="was not started by this server"):
        tools.stop_run(base.id)


def test_a_sweep_beyond_the_budget_starts_nothing(store: RunStore, tools: Training) -> None:
    base = store.create(small(), "mine")
    values = {"model.residual": ["on", "off"]}
    with pytest.raises(BudgetError) as refused:
        tools.start_sweep("both", values, seeds=3, run=base.id)
    said = told(refused.value)
    assert said.startswith("this needs 6 runs, and 4 are left of the budget")
    assert "--budget-runs" in said
    assert store.list() == [base]
    made = fits(shapes.Started, tools.start_sweep("both", values, seeds=2, run=base.id))
    assert len(made["runs"]) == 4
    assert made["budget_left"]["runs"] == 0
    read = fits(shapes.SweepRead, tools.read_sweep(made["sweep"]))
    assert read["progress"]["waiting"] == 4
    with pytest.raises(BudgetError, match="0 are left"):
        tools.start_run(SMALL)


def test_steps_and_operations_are_counted_too(store: RunStore) -> None:
    tools = Training(store, Budget(runs=9, steps=29))
    with pytest.raises(BudgetError, match="needs 30 steps, and 29 are left"):
        tools.start_run(SMALL)
    flops = tools.price(SMALL)["flops"]
    tools = Training(store, Budget(runs=9, steps=99, flops=1.5 * flops))
    tools.start_run(SMALL)
    with pytest.raises(BudgetError, match="flops"):
        tools.start_run(SMALL)
    assert len(store.list()) == 1


def test_what_can_not_be_queued_is_given_back(
    store: RunStore, tools: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RunError("the disk is full")

    monkeypatch.setattr("core.programs.starting.enqueue", full)
    with pytest.raises(RunError, match="full"):
        tools.start_run(SMALL)
    assert tools.budget.left["runs"] == 4


def test_files_of_the_machine_are_not_the_agents(store: RunStore, tools: Training) -> None:
    with pytest.raises(RunError, match=r"data\.path: files of this machine"):
        tools.start_run({**SMALL, "data.path": "/etc/passwd"})
    with pytest.raises(RunError, match=r"data\.path: files of this machine"):
        tools.price({**SMALL, "data.path": "/etc/passwd"})
    assert store.list() == []


def test_the_twin_of_a_fork_starts_at_the_same_checkpoint(store: RunStore, tools: Training) -> None:
    from core.jobs import forks

    parent = finished(store, "parent", steps=60)
    for step in (20, 40):
        checkpoint(parent, step)
    fork = forks.fork(store, parent, 20)
    made = tools.start_twin(fork.id, "optimizer.clip", 0.5)
    twin = store.open(made["runs"][0])
    assert twin.fork is not None
    assert twin.fork.key == f"{parent.id}@20"
    assert made["budget_left"]["steps"] == 120 - 40


def test_waiting_tells_of_the_steps_and_compares_with_the_twin(
    store: RunStore, tools: Training
) -> None:
    base = finished(store, "one", steps=200)
    twin = finished(store, "dead", steps=200, fate="plateau", model__placement="post")
    twin.update_meta(twin_of=base.id)
    heard: list[tuple[float, float]] = []
    found = tools.wait_for_runs([twin.id], 5, lambda done, of: heard.append((done, of)))
    fits(shapes.Waited, found)
    assert found["ended"]
    assert heard == [(200, 200)]
    assert [len(one["runs"]) for one in found["comparison"]["compared"]] == [1, 1]
    waits = store.create(base.config, "waits")
    found = tools.wait_for_runs([waits.id], 0)
    assert not found["ended"]
    assert found["comparison"] is None


def test_reading_has_nothing_that_starts(store: RunStore) -> None:
    tools = Reading(store)
    assert not [name for name in dir(tools) if name.startswith(("start", "stop"))]
    assert fits(shapes.Priced, tools.price(SMALL))["budget_left"] is None
    assert store.list() == []
