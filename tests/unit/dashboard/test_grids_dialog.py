"""The dialog that makes a grid and the card that shows it, without a browser."""

import pytest
from streamlit.testing.v1 import AppTest

from core.config import RunConfig
from core.jobs import grids as jobs
from core.jobs import waiting
from core.jobs.grid_progress import progress
from core.runs import RunStore
from dashboard.launch.grid_dialog import TICKABLE
from dashboard.settings.form import SETTINGS


def dialog_page():
    from conftest import small

    from core.config import RunConfig
    from dashboard.launch import grid_dialog

    grid_dialog.dialog(RunConfig(), {"tiny": small()})


def card_page():
    import streamlit as st

    from core.catalogue import index
    from dashboard.address import page
    from dashboard.compare import which_trained
    from dashboard.live.feed import store

    drawn = which_trained.card(index.entries(store()))
    st.markdown(f"drawn: {drawn}")
    page.show()


@pytest.fixture
def folder(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    return store


def opened(page) -> AppTest:
    app = AppTest.from_function(page, default_timeout=30).run()
    assert not app.exception
    return app


def tick(app: AppTest, key: str, values: list[str]) -> None:
    app.multiselect(key=f"grid_{key}").set_value(values).run()
    assert not app.exception


def said(app: AppTest) -> str:
    return " ".join(str(part.proto.body) for part in app.get("html"))


def test_ticks_become_runs_with_their_price(folder):
    app = opened(dialog_page)
    assert app.button(key="grid_start").disabled
    app.selectbox(key="grid_base").set_value("tiny").run()
    tick(app, "model_placement", ["pre", "post", "none"])
    tick(app, "model_depth", ["2", "3"])
    tick(app, "model_scaling", ["one", "deepnorm"])
    button = app.button(key="grid_start")
    assert (button.label, button.disabled) == ("Queue 8 runs", False)
    words = said(app)
    assert "<b>8 runs</b>" in words
    assert "2 cells not possible: model.scaling: deepnorm needs placement post" in words
    assert "norm none" in words
    app.number_input(key="grid_seeds").set_value(2).run()
    assert app.button(key="grid_start").label == "Queue 16 runs"
    app.button(key="grid_start").click().run()
    [id] = jobs.known(folder)
    runs = jobs.members(folder, id)
    assert [run.id for run in runs] == waiting(folder)
    assert len(runs) == 16
    assert jobs.known(folder)[id] == "placement × scaling × depth"
    assert {run.config.model.width for run in runs} == {16}  # of the base that was chosen


def test_typed_values_are_checked(folder):
    app = opened(dialog_page)
    tick(app, "optimizer_learning_rate", ["0.001", "0.02"])
    assert app.button(key="grid_start").label == "Queue 2 runs"
    tick(app, "optimizer_learning_rate", ["0.001", "fast"])
    assert app.button(key="grid_start").disabled
    assert "optimizer.learning_rate" in said(app)
    tick(app, "optimizer_learning_rate", [])
    assert app.button(key="grid_start").disabled
    assert waiting(folder) == []


def test_what_can_not_be_queued_says_so_at_once(folder, monkeypatch):
    app = opened(dialog_page)
    tick(app, "model_depth", ["2", "3"])
    monkeypatch.setenv("ADDNORM_CLUSTER", "ray://127.0.0.1:9")  # the discard port: nobody answers
    app.button(key="grid_start").click().run()
    assert not app.exception
    assert "no Ray cluster answers at ray://127.0.0.1:9" in said(app)
    assert waiting(folder) == []
    app.run()
    assert "no Ray cluster" not in said(app)


def test_a_wrong_name_of_a_cluster_is_told_before_the_start(folder, monkeypatch):
    monkeypatch.setenv("ADDNORM_CLUSTER", "nowhere")
    app = opened(dialog_page)
    tick(app, "model_depth", ["2", "3"])
    assert app.button(key="grid_start").disabled
    assert "names no cluster" in said(app)
    assert "trains on" not in said(app)


def test_every_setting_that_can_be_ticked_exists_and_has_values():
    flat = RunConfig().flat()
    assert all(dotted in SETTINGS and dotted in flat for dotted in TICKABLE)


def test_the_card_steers_its_grid(folder):
    app = opened(dialog_page)
    app.selectbox(key="grid_base").set_value("tiny").run()
    tick(app, "model_depth", ["1", "2", "3"])
    app.button(key="grid_start").click().run()
    [id] = jobs.known(folder)
    card = opened(card_page)
    assert "drawn: True" in [m.value for m in card.markdown]
    assert card.selectbox(key="grid_choice").value == id
    assert (card.selectbox(key="grid_rows").value, card.selectbox(key="grid_columns").value) == (
        "model.depth",
        "one column",
    )
    card.button(key="grid_pause").click().run()
    assert not card.exception
    assert waiting(folder) == []
    assert progress(folder, id)["paused"] == 3
    card.button(key="grid_resume").click().run()
    assert len(waiting(folder)) == 3
    card.button(key="grid_cancel").click().run()
    assert progress(folder, id)["stopped"] == 3
    assert {b.key for b in card.button} == {"grid_resume"}


def test_without_a_difference_there_is_no_card(folder):
    app = opened(card_page)
    assert "drawn: False" in [m.value for m in app.markdown]
