"""The scripts of all pages, run one after another in one process, as one server does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.runs import RunStore
from dashboard import chrome, components, live
from dashboard.app import app
from tests.fake_runs import finished

PAGES = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages"
NAMES = [file.stem for file in sorted(PAGES.glob("*.py"))]


@pytest.fixture(autouse=True)
def _own_store(store: RunStore) -> Any:
    live.store.cache_clear()
    yield
    live.store.cache_clear()


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
        from dashboard import chrome

        chrome.failed(TypeError("'module' object is not callable"))

    at = AppTest.from_function(script).run()
    said = " ".join(str(e.proto.body) for e in at.main if e.type == "html")
    assert "could not be drawn (TypeError" in said
    assert "Reload the page" in said
    assert "<script" not in said
    assert app._on_script_error is chrome.failed
