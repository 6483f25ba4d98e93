"""The Lab's forks: what would start is what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import launcher
from core.runs import Run, RunStore
from dashboard.launch.twins import train_twin
from tests.fake_runs import checkpoint, finished

PAGE = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages" / "lab.py"


@pytest.fixture
def parent(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(launcher, "revive", lambda store: None)
    run = finished(store, "the parent", steps=60, data__corpus="python-reference")
    for step in (40, 60):
        checkpoint(run, step)
    return run


def opened(**address: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=120)
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    assert [e.value for e in at.exception] == []
    return at


def press(at: AppTest, key: str) -> AppTest:
    button = at.button(key=key)
    assert not button.disabled, key
    button.click().run()
    assert [e.value for e in at.exception] == []
    return at


def said(at: AppTest) -> str:
    return " ".join(str(e.proto.body) for part in (at.sidebar, at.main) for e in part.html)


def keys(at: AppTest) -> set[str]:
    return {str(one.key) for one in at.button}


def test_a_fork_is_chosen_in_the_lab_and_train_starts_it(store: RunStore, parent: Run) -> None:
    at = opened(model_width="128")
    assert "fork_off" not in keys(at)
    at.selectbox(key="fork_step").set_value(40).run()
    press(at, "fork_from")
    assert at.query_params["lab_fork"] == f"{parent.id}@40"
    assert "step 40</b> to 60 of <b>the parent" in said(at)
    assert at.number_input(key="model_width").value == parent.config.model.width
    at.number_input(key="optimizer_learning_rate").set_value(1e-4).run()
    press(at, "train")
    made = store.list()[-1]
    assert (made.first_step, made.config.optimizer.learning_rate) == (40, 1e-4)
    assert made.config.model == parent.config.model
    assert made.name == "pre-LN L6, from step 40 of the parent"
    # A twin of it starts there too.
    other = made.config.model_copy(
        update={"model": made.config.model.model_copy(update={"placement": "post"})}
    )
    twin = train_twin(made, other, "model.placement", "post")
    assert twin is not None
    assert (twin.first_step, twin.meta["twin_of"]) == (40, made.id)
    assert twin.name == "post-LN L6, from step 40 of the parent"
    press(at, "fork_off")
    assert "lab_fork" not in at.query_params
    press(at, "train")
    assert store.list()[-1].first_step == 0


def test_what_cannot_go_on_keeps_train_off_and_says_why(store: RunStore, parent: Run) -> None:
    at = opened(lab_fork=f"{parent.id}@40")  # a bare link: with the parent's settings
    assert not at.button(key="train").disabled
    at.number_input(key="model_width").set_value(32).run()
    assert at.button(key="train").disabled
    assert "model.width: 32 would give trained tensors another shape" in said(at)
    gone = opened(lab_fork=f"{parent.id}@20")
    assert gone.button(key="train").disabled
    assert "accepted: 40, 60" in said(gone)
    press(gone, "fork_off")
    assert not gone.button(key="train").disabled


def test_from_the_last_step_as_many_again_are_trained(store: RunStore, parent: Run) -> None:
    at = opened()
    at.selectbox(key="fork_step").set_value(60).run()
    press(at, "fork_from")
    assert "step 60</b> to 120" in said(at)


def test_a_pretrained_model_is_forked_in_the_lab(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers")
    from core.pretrained.adopt import adopt
    from tests.adopted import VOCABULARY, llama

    monkeypatch.setattr(launcher, "revive", lambda store: None)
    model = adopt(store, str(llama(tmp_path / "a model")))
    at = opened()
    at.selectbox(key="fork_step").set_value(0).run()
    press(at, "fork_from")
    assert at.query_params["lab_fork"] == f"{model.id}@0"
    assert "step 0</b> to 600 of <b>a model" in said(at)
    press(at, "train")
    made = store.list()[-1]
    assert made.fork is not None
    assert (made.fork.fresh, made.fork.subwords) == (True, VOCABULARY)
    assert made.config.model == model.config.model
