"""Pages over a folder with one whole run and damaged ones: no exception, and a line for each."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.__main__ import main
from core.catalogue import index as catalogue
from core.runs import Run, RunStore
from tests.fake_runs import finished
from tests.unit.dashboard.test_damaged_runs import CONTENTS

PAGES = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages"
SMALL_FILES = ("switches.json", "meta.json", "corpus.json")


@pytest.fixture(autouse=True)
def _own_store(store: RunStore) -> None:
    """The pages show this folder of runs."""


def damaged_folder(store: RunStore) -> Run:
    """Every file of every damaged run holds one of the contents, but its settings stay whole."""
    whole = finished(store, "whole", steps=20)
    for kind, content in CONTENTS.items():
        bad = finished(store, f"bad {kind}", steps=20)
        (bad.path / "switches.json").touch()
        for path in bad.path.rglob("*"):
            if path.is_file() and path.name not in ("config.json", "lock"):
                path.write_bytes(content)
    return whole


@pytest.mark.parametrize("page", ["lab", "compare", "runs", "attention", "anatomy"])
def test_no_damaged_run_takes_a_page_away(store: RunStore, page: str) -> None:
    damaged_folder(store)
    at = AppTest.from_file(PAGES / f"{page}.py", default_timeout=120)
    at.run()
    assert not at.exception, [e.value for e in at.exception]


@pytest.mark.parametrize("name", SMALL_FILES)
def test_a_damaged_file_is_named_in_the_lists(
    store: RunStore, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    finished(store, "whole", steps=20)
    bad = finished(store, "bad", steps=20)
    entries = catalogue.entries(store)
    assert (len(entries), catalogue.problems(store)) == (2, {})
    for content in (b"5", b"", b"null", b"{" * 10, b'"x"'):
        (bad.path / name).write_bytes(content)
        assert RunStore(store.root).open(bad.id).damaged == [name]
    assert main(["runs", "list"]) == 0
    assert f"damaged: {name}" in capsys.readouterr().out
    assert main(["runs", "list", "--json"]) == 0
    assert [row["damaged"] for row in json.loads(capsys.readouterr().out)] == [[], [name]]
    assert len(catalogue.entries(store)) == 2
    assert f"damaged: {name}" in catalogue.problems(store)[bad.id]


def test_a_run_that_raises_anything_is_a_line(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = finished(store, "good", steps=10), finished(store, "bad", steps=10)
    real = catalogue.entry_of

    def breaks(store: RunStore, id: str, *more: Any) -> Any:
        if id == bad.id:
            raise ZeroDivisionError
        return real(store, id, *more)

    monkeypatch.setattr(catalogue, "entry_of", breaks)
    assert [entry.id for entry in catalogue.entries(store)] == [good.id]
    assert bad.id in catalogue.problems(store)[bad.id]
