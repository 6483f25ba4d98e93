"""Runs whose networks the lab did not build: listed, filtered, grouped and told apart by their own
settings, and nothing said of them that is not known."""

from pathlib import Path
from typing import Any

import pytest

from core.catalogue.entry import Entry, differing, own_settings
from core.catalogue.filters import FilterError, parse
from core.catalogue.index import entries, of_run
from core.metrics.foreign import SAME, cadence_of, named
from core.record import Recording
from core.runs import RunStore
from tests.conftest import small


def recorded(
    folder: Path, name: str, losses: tuple[float, ...] = (3.0, 2.0), **settings: Any
) -> Entry:
    one = Recording(name, settings, runs=folder)
    for step, loss in enumerate(losses):
        one.log(loss=loss, step=step)
    one.finish()
    return of_run(one.run)


def test_filters_know_the_settings_that_runs_brought(tmp_path: Path) -> None:
    low = recorded(tmp_path, "low", lr=1e-4, optim={"name": "adamw"}, depth=12)
    high = recorded(tmp_path, "high", lr=0.01, optim={"name": "sgd"}, depth=2)
    ours = of_run(RunStore(tmp_path).create(small(model__depth=3), "ours"))
    every = [low, high, ours]
    own = own_settings(every)

    def listed(text: str) -> list[str]:
        return [one.name for one in every if parse(text, own).matches(one.values)]

    assert listed("lr > 1e-3") == ["high"]
    assert listed("lr <= 1e-4 or depth == 3") == ["low", "ours"]
    assert listed("optim.name == sgd") == ["high"]
    assert listed("depth > 2") == ["low", "ours"]  # under the lab's name too
    assert listed("model.placement == pre") == ["ours"]
    with pytest.raises(FilterError):
        parse("lr > 1e-3")
    with pytest.raises(FilterError, match=r"did you mean optim\.name"):
        parse("optim.nam == sgd", own)


def test_what_differs_is_their_own_and_not_the_lab_s(tmp_path: Path) -> None:
    one, two = recorded(tmp_path, "a", lr=0.1, seed=1), recorded(tmp_path, "b", lr=0.2, seed=2)
    assert differing([one, two]) == {"lr": [0.1, 0.2], "training.seed": [1, 2]}
    ours = of_run(RunStore(tmp_path).create(small(), "ours"))
    assert differing([one, ours])["lr"] == [0.1, None]
    assert not [name for name in differing([one, ours]) if name.startswith("model.")]


def test_seeds_of_one_setting_belong_together(tmp_path: Path) -> None:
    one, two = recorded(tmp_path, "a", lr=0.1, seed=1), recorded(tmp_path, "b", lr=0.1, seed=2)
    other = recorded(tmp_path, "c", lr=0.3, seed=1)
    assert one.setting == two.setting != other.setting
    assert one.experiment != two.experiment


def test_a_loss_that_is_got_over_is_no_divergence(tmp_path: Path) -> None:
    nan = float("nan")
    assert recorded(tmp_path, "over", (3.0, nan, 2.0)).summary.verdict.kind == "unjudged"
    lost = recorded(tmp_path, "lost", (3.0, nan, 2.0, nan, nan)).summary
    assert (lost.verdict.kind, lost.diverged_at) == ("diverged", 3)


def test_nothing_is_known_of_its_network(tmp_path: Path) -> None:
    one = recorded(tmp_path, "one", lr=0.1)
    assert one.tokens_per_step is None
    assert one.flops_per_step is None
    assert one.image is None
    assert one.flat["model.placement"] is None
    assert one.layers == 0
    assert [entry.id for entry in entries(RunStore(tmp_path))] == [one.id]


def test_metrics_have_the_lab_s_names_where_they_are_the_same() -> None:
    assert named(["train/loss", "val_loss", "lr", "eval/bleu"]) == {
        "train/loss": "loss/train",
        "val_loss": "loss/validation",
        "lr": "learning_rate",
        "eval/bleu": "eval/bleu",
    }
    both = named(["loss", "train/loss"])
    assert both["loss"] == "loss/train"
    assert both["train/loss"] == "train/loss"
    odd = named(["a,b", "a~b", "blocks.3.norm", "difference/x", "step", "seconds", "learning_rate"])
    assert len(set(odd.values())) == len(odd)
    assert not [name for name in odd.values() if "," in name or "~" in name]
    assert odd["blocks.3.norm"] == "blocks_3.norm"
    assert odd["step"] == "step_"
    assert all(named([ours])[ours] == ours for ours in SAME)
    assert len({cadence_of(name) for name in ("a/b", "a.b", "a_b")}) == 3
