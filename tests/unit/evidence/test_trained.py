"""Runs that a check trains: once, found again, gone on with, and stopped when it is cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from core.anatomy import CancelledError, Silent
from core.config import RunConfig
from core.evidence.measure import trained as module
from core.evidence.measure.networks import Lab
from core.evidence.measure.trained import UNWATCHED, gap, last_loss, settings, smoothed, trained
from core.runs import RunStore

SMALL = RunConfig.from_flat(
    {**UNWATCHED, "model.depth": 1, "model.width": 8, "model.heads": 1, "model.context": 8,
     "training.steps": 60, "training.batch_size": 4, "training.device": "cpu"}
)  # fmt: skip


class CancelAt:
    """A report that cancels at its nth call."""

    def __init__(self, left: int) -> None:
        self.left, self.heard = left, []  # type: ignore[var-annotated]

    def __call__(self, progress: float, message: str = "") -> None:
        self.heard.append((progress, message))
        self.left -= 1
        if self.left < 0:
            raise CancelledError

    def emit(self, item: Mapping[str, Any]) -> None:
        """Nothing."""


def test_a_run_is_trained_once_by_the_same_code(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab((0,), Silent(), store)
    run = trained(lab, SMALL, "small")
    assert (run.status, run.name, run.meta["tags"]) == ("finished", "small", ["evidence"])
    assert trained(lab, SMALL, "small").id == run.id
    assert len(store.list()) == 1
    other = SMALL.model_copy(deep=True, update={"name": "other"})
    assert trained(lab, other, "other").id != run.id
    monkeypatch.setattr(module, "training_code", lambda: "changed")
    assert trained(lab, SMALL, "small").id != run.id, "other code, other numbers"

    steps, loss = smoothed(run)
    assert len(steps) == len(loss) == 3
    assert last_loss(run) == pytest.approx(run.series("loss/train")[1][-50:].mean())
    unigram = run.series("loss/unigram")[1][-50:].mean()
    assert gap(run) == pytest.approx(last_loss(run) - unigram)


def test_a_cancelled_one_stops_and_goes_on_when_it_is_asked_again(store: RunStore) -> None:
    report = CancelAt(20)
    with pytest.raises(CancelledError):
        trained(Lab((0,), report, store), SMALL, "small")
    (run,) = store.list()
    assert run.status == "stopped"
    assert 10 < run.record.step < 40
    assert report.heard[5][1] == "trains small"
    assert 0 < report.heard[5][0] < 1
    again = trained(Lab((0,), Silent(), store), SMALL, "small")
    assert (again.id, again.status) == (run.id, "finished")
    assert len(again.series("loss/train")[0]) == 60


def test_the_setting_of_the_training_claims() -> None:
    config = settings("DeepNorm", model__depth=12, training__seed=3)
    assert (config.model.placement, config.model.scaling) == ("post", "deepnorm")
    assert (config.data.corpus, config.model.init) == ("tiny-shakespeare", "xavier")
    assert (config.optimizer.beta2, config.optimizer.weight_decay, config.optimizer.clip) == (
        0.95, 0.0, 0.0,
    )  # fmt: skip
    assert (config.training.batch_size, config.model.context, config.training.seed) == (16, 64, 3)
