"""The scripts of all pages, run one after another in one process, as one server does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import jobs
from core.config import RunConfig
from core.config.overrides import Switch
from core.runs import RunStore
from dashboard import components
from dashboard.app import app
from dashboard.ui import cards as chrome
from tests.fake_runs import LiveFakeRun, finished

PAGES = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages"
NAMES = [file.stem for file in sorted(PAGES.glob("*.py"))]
# Pages that show what they are for before anything was trained.
WITHOUT_RUNS = ("lab", "learn", "evidence", "glossary")


@pytest.fixture(autouse=True)
def _own_store(store: RunStore) -> None:
    """The pages show this folder of runs."""


def opened(page: str) -> AppTest:
    """A page as a new session gets it."""
    return AppTest.from_file(PAGES / f"{page}.py", default_timeout=120).run()


def buttons(at: AppTest) -> dict[str, bool]:
    """The buttons of a page by key: whether they can be pressed."""
    return {str(one.key): not one.disabled for one in at.button}


@pytest.mark.parametrize("trained", [False, True])
def test_every_page_is_drawn_after_every_other(store: RunStore, trained: bool) -> None:
    if trained:
        finished(store)
    for page in [*NAMES, *reversed(NAMES)]:
        at = opened(page)
        assert [e.value for e in at.exception] == [], page
    at = opened("lab")
    assert buttons(at)["train"]
    assert buttons(at)["train_twin"]


@pytest.mark.parametrize("page", NAMES)
@pytest.mark.parametrize("many", [0, 1, 60])
def test_a_page_opens_over_no_run_one_run_and_many(store: RunStore, page: str, many: int) -> None:
    """Runs of all fates and families, one that waits, and one whose folder is broken."""
    fates = ("lives", "plateau", "diverges")
    for i in range(many):
        finished(store, f"run {i}", fates[i % 3] if many > 1 else "lives", 20, training__seed=i)
    if many > 1:
        finished(store, "no attention", steps=20, model__sublayers="feedforward")
        store.create(store.list()[0].config, "waits")
        (store.list()[-1].path / "status.json").write_text("{")
    at = opened(page)
    assert [e.value for e in at.exception] == []
    assert list(at.main)
    assert ("open_lab" in buttons(at)) == (many == 0 and page not in WITHOUT_RUNS)
    assert [e.value for e in at.run().exception] == [], "the second time, with what it remembers"


def test_train_is_there_when_another_part_of_the_page_fails(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(store)

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("a part that can't be drawn")

    for part in ("curves", "run_state", "layer_map"):
        monkeypatch.setattr(components, part, fails)
    at = opened("lab")
    assert at.exception
    assert buttons(at)["train"]
    assert buttons(at)["train_twin"]


def test_an_error_of_a_script_is_a_sentence() -> None:
    def script() -> None:
        from dashboard.ui import cards as chrome

        chrome.failed(TypeError("'module' object is not callable"))

    at = AppTest.from_function(script).run()
    said = " ".join(str(e.proto.body) for e in at.main if e.type == "html")
    assert "could not be drawn (TypeError" in said
    assert "Reload the page" in said
    assert "<script" not in said
    assert app._on_script_error is chrome.failed


def cards(at: AppTest) -> str:
    """Everything that the page says in HTML of its own."""
    return " ".join(str(one.proto.body) for one in at.get("html"))


def test_the_running_network_and_the_next_one_are_both_drawn_where_they_differ(
    store: RunStore,
) -> None:
    run = finished(store)
    at = opened("lab")
    assert "This run" not in cards(at)  # the settings are those of the run
    at.session_state["model_placement"] = "post"
    at.run()
    said = cards(at)
    assert said.index("This run") < said.index("Next run")
    run.add_switch(Switch(step=1, layers="0-2", placement="post"))
    at = opened("lab")
    assert "This run" in cards(at)
    assert "layers 1 to 3" in cards(at)


def test_the_first_press_trains_the_story(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "enqueue", lambda s, c, n, *_, **meta: s.create(c, **meta))
    at = opened("lab")
    assert "See why a deep Transformer needs Add and Norm" in cards(at)
    at.button(key="train_first").click().run()
    dies, lives = store.list()
    differing = {n for n, v in dies.config.flat().items() if lives.config.flat()[n] != v}
    assert differing == {"model.placement"}
    assert (dies.config.model.placement, lives.config.model.placement) == ("post", "pre")
    assert lives.meta["twin_of"] == dies.id
    assert at.session_state["model_depth"] == lives.config.model.depth


def test_no_accessible_name_holds_markup() -> None:
    source = "".join(f.read_text() for f in PAGES.parent.rglob("*.py"))
    labels = re.findall(
        r"st\.(?:multiselect|selectbox|text_input|button)\(\s*(?:t\(\s*)?\"([^\"]*)", source
    )
    assert len(labels) > 20
    assert [label for label in labels if ":gray[" in label] == []


def test_after_a_run_a_press_trains_the_twin_that_the_page_suggests(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "enqueue", lambda s, c, n, *_, **meta: s.create(c, **meta))
    run = finished(store, fate="plateau", model__placement="post")
    at = opened("lab")
    said = cards(at)
    assert "What next" in said
    assert "the gradient norm of layer 1 (" in said
    pressed = next(b for b in at.button if b.label == "Placement pre")
    pressed.click().run()
    twin = store.list()[-1]
    assert twin.meta["twin_of"] == run.id
    flat = run.config.flat()
    assert {n: v for n, v in twin.config.flat().items() if flat[n] != v} == {
        "model.placement": "pre"
    }
    assert "What next" not in cards(at)  # the twin in focus has not ended


def test_what_was_trained_before_is_shown_beside_it(store: RunStore) -> None:
    known = finished(store, "older", model__depth=6)
    dies = finished(store, "dies", "plateau", model__depth=6, model__placement="post")
    at = opened("lab")
    assert "You have trained this: compare them." in cards(at)
    next(b for b in at.button if b.label == "Show both").click().run()
    assert at.query_params["lab_runs"] == f"{dies.id},{known.id}"
    assert "The two differ only in norm placement" in cards(at)
    assert "Why: With the norm after each addition (post-LN)" in cards(at)


def test_a_twin_that_still_trains_is_waited_for(store: RunStore) -> None:
    dies = finished(store, "dies", "plateau", model__placement="post")
    flat = {**dies.config.flat(), "model.placement": "pre"}
    twin = store.create(RunConfig.from_flat(flat), twin_of=dies.id)
    at = AppTest.from_file(PAGES / "lab.py", default_timeout=120)
    at.query_params["lab_runs"] = f"{dies.id},{twin.id}"
    at.run()
    assert "Its twin has not ended (waiting): wait for it" in cards(at)
    assert [b.label for b in at.button if str(b.key).startswith("next_")] == []


def test_while_a_run_trains_nothing_is_suggested(store: RunStore) -> None:
    store.create(finished(store).config)
    assert "What next" not in cards(opened("lab"))


def test_what_rewire_offers_changes_something_and_says_what_is_wrong_as_it_was_typed(store):
    live = LiveFakeRun(store, "live", steps=4000, rate=1).start(at=20)
    try:
        at = opened("lab")
        assert at.selectbox(key="switch_value").value == "off", "its residual connections are on"
        at.text_input(key="switch_layers").set_value("77")
        at.button(key="switch").click().run()
        said = "".join(one.proto.body for one in at.get("html"))
        assert "Layers 77 are beyond model.depth 6; accepted: layers 1 to 6" in said
        assert "overrides:" not in said
    finally:
        live.stop()


WITHOUT_PANDAS = """
import sys
from streamlit.testing.v1 import AppTest
for page in sys.argv[1:]:
    at = AppTest.from_file(page, default_timeout=120).run()
    assert not at.exception, page
    assert "pandas" not in sys.modules, page
"""


def test_no_page_waits_for_pandas(store: RunStore) -> None:
    """Streamlit imports it wherever it meets what might be a table: a third of a second, 40 MB."""
    finished(store)
    pages = [str(PAGES / f"{page}.py") for page in NAMES]
    subprocess.run([sys.executable, "-c", WITHOUT_PANDAS, *pages], check=True, timeout=240)
