"""The Lab says what memory a run needs and what is free, before and after Train is pressed."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import memory
from core.memory import Memory
from core.runs import RunStore

LAB = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages" / "lab.py"
GB = 10**9


def said(at: AppTest) -> str:
    return " ".join(str(e.proto.body) for e in at.sidebar if e.type == "html")


def test_what_does_not_fit_is_said_before_train_is_pressed(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    there = {"ram": Memory(32 * GB, 30 * GB)}
    monkeypatch.setattr(memory, "ram", lambda: there["ram"])
    at = AppTest.from_file(LAB, default_timeout=120).run()
    assert not at.exception
    assert " MB to train, 30.0 GB free" in said(at)
    assert "training needs" not in said(at)

    at.number_input(key="training_batch_size").set_value(16384)
    at.number_input(key="model_width").set_value(512).run()
    told = said(at)
    assert "of memory, and there are 32.0 GB here: training.accumulate" in told
    assert told.count("training needs about") == 1
    at.button(key="train").click().run()
    assert not at.exception
    assert store.list() == []
    assert said(at).count("training needs about") == 1

    offer = int(told.partition("training.accumulate ")[2].partition(" ")[0])
    at.number_input(key="training_accumulate").set_value(offer).run()
    assert "training needs" not in said(at)
    at.button(key="train").click().run()
    assert [run.config.training.accumulate for run in store.list()] == [offer]
