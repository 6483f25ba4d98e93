"""What the command line says of itself and of runs."""

from __future__ import annotations

import json
import tomllib

import pytest

from core import grids
from core.__main__ import main
from core.cli import runs as runs_command
from core.cli.sweep import EXAMPLE
from core.jobs import launcher
from core.runs import RunStore, Status
from tests.fake_runs import checkpoint, finished


@pytest.mark.parametrize("typed", ["150/5 residual=off", "5: residual=off", "150/5: residual"])
def test_a_switch_that_cannot_be_read_is_told_the_form_with_its_step(
    store: RunStore, capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    assert main(["train", "--training.switches", typed]) == 2
    said = capsys.readouterr().err
    assert "accepted: STEP/LAYERS: SETTING=VALUE, as 150/5: residual=off" in said
    assert "1-3: placement=post" not in said, "the form of what has no step"


def test_the_help_of_sweep_describes_the_file_with_an_example_that_loads(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["sweep", "--help"])
    said = capsys.readouterr().out
    assert all(key in said for key in ("name", "preset", "[base]", "[grid]", "seeds"))
    assert all(line in said for line in EXAMPLE.splitlines())
    assert len(grids.from_table(tomllib.loads(EXAMPLE)).plan().runs) == 12


def test_the_list_of_runs_has_their_names_and_losses(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(store, "the one that I want", steps=20)
    store.create(run.config, "not yet trained")
    loss = float(run.series("loss/train")[1][-1])
    assert main(["runs", "list"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("the one that I want")
    assert f"loss {loss:.3f}" in first
    assert "loss –" in second
    assert main(["runs", "list", "--json"]) == 0
    assert [row["loss"] for row in json.loads(capsys.readouterr().out)] == [loss, None]


def test_resume_says_from_which_step_the_run_goes_on(
    store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_command, "control", lambda *_: None)
    monkeypatch.setattr(runs_command, "revive", lambda *_: None)
    run = store.create(finished(store, "x", steps=20).config)
    run.write_status(Status(state="running", step=53, steps=600))
    assert main(["runs", "resume", run.id]) == 0
    said = capsys.readouterr().out
    assert "it has no checkpoint yet: it starts again at step 0 and its 53 steps are drawn" in said


def test_a_fork_is_queued_and_told_by_list_and_show(
    store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "revive", lambda store: None)
    parent = finished(store, "the parent", steps=60)
    assert main(["runs", "fork", parent.id]) == 2
    assert "has no checkpoint that can be forked yet" in capsys.readouterr().err
    for step in (20, 40, 60):
        checkpoint(parent, step)
    typed = ["runs", "fork", parent.id, "--at", "20", "--optimizer.clip", "1", "--json"]
    assert main(typed) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["fork"] == {"run": parent.id, "step": 20}
    made = store.open(told["id"])
    assert made.config.optimizer.clip == 1
    assert made.checkpoints == [20]
    assert main(["runs", "fork", parent.id, "--name", "mine"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "queued, it starts from step 40 of the parent"
    assert store.open(said[1]).name == "mine"
    assert main(["runs", "list", "--json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    whence = {"run": parent.id, "name": "the parent", "step": 20}
    assert (rows[made.id]["fork"], rows[made.id]["step"], rows[parent.id]["fork"]) == (
        whence,
        20,
        None,
    )
    assert main(["runs", "fork", parent.id, "--at", "30"]) == 2
    assert "there is no checkpoint of step 30; accepted: 20, 40, 60" in capsys.readouterr().err
