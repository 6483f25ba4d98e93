"""Runs that other programs trained, on the pages: brought in, drawn, and nothing false said."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.catalogue.index import entries, of_run
from core.pretrained.export import export
from core.record import Recording
from core.runs import Run, RunError, RunStore
from dashboard.anatomy import choice
from dashboard.attention import choices
from dashboard.compare import differences, outcomes, rows, share, which_trained
from dashboard.components.facts import about
from dashboard.lab import headline
from dashboard.report.page import report
from dashboard.ui import units
from tests.fake_runs import finished

PAGES = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages"
KEPT = Path(__file__).resolve().parents[1] / "transfer" / "kept"


@pytest.fixture(autouse=True)
def _own_store(store: RunStore) -> None:
    """The pages show this folder of runs."""


def recorded(store: RunStore, name: str = "mine", **settings: object) -> Run:
    one = Recording(name, {"lr": 0.1, "seed": 4, **settings}, runs=store.root)
    for step in range(60):
        one.log(loss=2.0 - step / 60, layers=[1.0, 2.0], step=step)
    one.finish()
    return one.run


def said(at: AppTest) -> str:
    assert [e.value for e in at.exception] == []
    return " ".join(str(e.proto.body) for e in at.main if e.type == "html")


def test_what_another_program_kept_is_taken_in_by_its_button(store: RunStore) -> None:
    finished(store, "ours", steps=5)
    at = AppTest.from_file(PAGES / "runs.py", default_timeout=120).run()
    at.text_input(key="take_in_path").set_value(str(KEPT / "toy.db"))
    at.button(key="take_in_runs").click().run()
    assert "2 runs imported from" in said(at)
    assert {run.origin.get("by") for run in store.list()} == {None, "trackio"}
    at.text_input(key="take_in_path").set_value("/no/such/place")
    at.button(key="take_in_runs").click().run()
    assert "there is no /no/such/place" in said(at)


def test_the_lab_says_whose_it_is_and_claims_nothing(store: RunStore) -> None:
    run = recorded(store)
    at = AppTest.from_file(PAGES / "lab.py", default_timeout=120)
    at.query_params["lab_runs"] = run.id
    text = said(at.run())
    assert "no equation, attention or anatomy of it and trains no twin of it" in text
    assert "<dd>0.1</dd>" in text
    assert at.button(key="pause").disabled
    assert at.button(key="stop").disabled
    assert "fork_from" not in [button.key for button in at.button]


def test_what_is_told_to_its_charts_is_what_is_known(store: RunStore) -> None:
    run, ours = recorded(store), finished(store, "ours", steps=80)
    told = about(run)
    assert told["tokens_per_step"] is None
    assert told["flops_per_step"] is None
    assert told["detail"] == "seed 4 · recorded by core.record"
    assert units.nats([run, ours]) == "loss"
    assert units.nats([ours]) == "nats per character"
    every = [of_run(run), of_run(ours)]
    assert outcomes.baseline(every) is None
    assert outcomes.baseline(every[1:]) is not None
    verdicts = [one.summary.verdict for one in every]
    assert headline.baseline(verdicts, [run, ours])[0] is None
    assert not headline.twins([run, ours])
    assert not choices.has_attention(run)
    assert "not its weights" in choice.cannot(run)


def test_compare_shows_its_own_settings(store: RunStore) -> None:
    recorded(store, "low"), recorded(store, "high", lr=0.5), finished(store, "ours", steps=5)
    every = entries(store)
    shown = rows.columns(every)
    assert [one["name"] for one in shown] == ["lr", "training.seed"]
    made = rows.rows(every, shown, {}, {})
    assert [one["settings"][0] for one in made] == [None, 0.5, 0.1]
    assert "model.depth" not in differences.table(every, {})
    at = AppTest.from_file(PAGES / "compare.py", default_timeout=120)
    at.query_params["compare_filter"] = "lr > 0.2"
    assert "1 of 3 runs" in said(at.run())


def test_a_report_gives_no_command_for_it(store: RunStore) -> None:
    run, ours = recorded(store), finished(store, "ours", steps=80)
    both, alone = report(store, [run, ours]), report(store, [run])
    assert "python -m core train" in both
    assert "python -m core train" not in alone
    assert "not judged" in alone


def test_the_cells_say_which_losses_their_numbers_are(store: RunStore) -> None:
    ours, theirs = of_run(finished(store, "ours", steps=60)), of_run(recorded(store))
    assert which_trained.numbers([ours], "nats") == "final validation loss, nats"
    assert which_trained.numbers([theirs], None) == "mean of the last 50 training losses"
    both = which_trained.numbers([ours, theirs], None)
    assert both == "final validation loss, else the mean of the last 50 training losses"
    laid = {"lr": [0.1, 0.2]}
    told = which_trained.view(
        [theirs, of_run(recorded(store, "b", lr=0.2))], "", laid, ("lr", None), {}
    )
    assert told["unit"] == "mean of the last 50 training losses"
    assert [cell["of"] for [cell] in told["cells"]] == [1, 1]


def test_it_can_not_be_handed_out_as_a_model(store: RunStore, tmp_path) -> None:
    run = recorded(store)
    with pytest.raises(RunError, match="has its measurements, not its network"):
        export(run, tmp_path / "model")
    assert "has its measurements, not its network" in share._no_model([run])


def test_a_mean_is_of_the_runs_that_have_losses(store: RunStore) -> None:
    runs = [of_run(recorded(store, name)) for name in ("a", "b")]
    silent = Recording("silent", {"lr": 0.1}, runs=store.root)
    silent.log(accuracy=0.5, step=0)
    silent.finish()
    every = [*runs, of_run(silent.run)]
    low = runs[0].summary.verdict.last_mean
    assert f"Of 2 of 3 the means of the last 50 training losses lie between {low:.2f} and" in (
        outcomes.together(every)
    )
    assert f"Of 1 of 2 the mean of the last 50 training losses is {low:.2f}." in (
        outcomes.together(every[1:])
    )
    assert f"training losses are all {low:.2f}." in outcomes.together(runs)
