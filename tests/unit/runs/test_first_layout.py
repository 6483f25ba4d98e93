"""Runs of the first layout, kept as their release wrote them, open and go on for ever."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.catalogue import index
from core.catalogue.summary import summary_of
from core.runs import Run, RunStore
from core.training.control import NullControl
from core.training.trainer import Trainer

FIXTURES = Path(__file__).parent / "fixtures"
KINDS = ("transformer", "mlp")


def opened(store: RunStore, name: str) -> Run:
    shutil.copytree(FIXTURES / name, store.root / name)
    for folder in ("metrics", "snapshots", "checkpoints", "control"):  # git keeps no empty ones
        (store.root / name / folder).mkdir(exist_ok=True)
    return store.open(name)


@pytest.mark.parametrize("kind", KINDS)
def test_an_ended_run_is_read(store: RunStore, kind: str) -> None:
    run = opened(store, f"{kind}-ended")
    assert (run.config.model.family, run.config.training.steps) == (kind, 12)
    assert (run.status, run.name, run.damaged) == ("finished", "ended", [])
    assert run.series("loss/train")[0].tolist() == list(range(12))
    assert run.series("loss/validation")[0].tolist() == [0, 4, 8, 12]
    width = {"transformer": 1, "mlp": 1}[kind]
    assert run.series("grad_norm/block")[1].shape == (12, width)
    assert run.checkpoints == [4, 8, 12]
    assert run.snapshots.steps == ([0, 6, 12] if kind == "transformer" else [])
    assert run.snapshots.damaged == {}
    assert [e["kind"] for e in run.events if e["kind"] in ("start", "threads")]
    assert run.corpus["sha256"]
    assert [entry.name for entry in index.entries(store)] == ["ended"]
    assert np.isfinite(summary_of(run).last["loss/train"])


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_run_goes_on_as_the_ended_one_did(store: RunStore, kind: str) -> None:
    ended, run = opened(store, f"{kind}-ended"), opened(store, f"{kind}-interrupted")
    assert (run.status, run.resumes_at) == ("interrupted", 8)
    assert Trainer(run, NullControl()).train() == "finished"
    assert run.events[-1]["step"] >= 8
    for name in ("loss/train", "loss/validation", "grad_norm/total"):
        steps, values = run.series(name)
        assert steps.tolist() == ended.series(name)[0].tolist()
        # Another processor rounds otherwise, so it is not asked for the last bit here.
        np.testing.assert_allclose(values, ended.series(name)[1], rtol=1e-3, err_msg=name)
    assert json.loads((run.path / "corpus.json").read_text())["schema"] == 1


def test_a_run_of_the_first_layout_can_be_renamed(store: RunStore) -> None:
    run = opened(store, "transformer-ended")
    run.update_meta(name="other")
    assert (run.name, run.meta["first_name"]) == ("other", "ended")
