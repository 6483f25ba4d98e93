"""Pretrained models on the pages: the button that brings one, the one that takes a run out."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import inspections
from core.pretrained.adopt import adopt
from core.runs import RunStore
from dashboard.attention import choices, model
from dashboard.compare import share
from dashboard.components.facts import about
from tests.adopted import CONTEXT, changed, llama
from tests.fake_runs import finished

pytest.importorskip("transformers")
PAGE = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages" / "runs.py"


@pytest.fixture(autouse=True)
def _own_store(store: RunStore) -> None:
    """The pages show this folder of runs."""


def asked(path: Path) -> AppTest:
    """The page Runs after somebody named a model."""
    at = AppTest.from_file(PAGE, default_timeout=120).run()
    at.text_input(key="adopt_path").set_value(str(path))
    at.button(key="adopt_model").click().run()
    assert [e.value for e in at.exception] == []
    return at


def said(at: AppTest) -> str:
    return " ".join(str(e.proto.body) for e in at.main if e.type == "html")


@pytest.mark.parametrize("runs_before", [0, 1])
def test_a_model_is_adopted_by_its_button(store: RunStore, tmp_path, runs_before: int) -> None:
    for _ in range(runs_before):
        finished(store, "mine", steps=5)
    at = asked(llama(tmp_path / "a small llama"))
    assert "a small llama is a run now." in said(at)
    assert store.list()[-1].source["family"] == "llama"


def test_what_stands_in_the_way_is_said_on_the_page(store: RunStore, tmp_path) -> None:
    at = asked(changed(llama(tmp_path / "it"), hidden_act="gelu"))
    assert "hidden_act of this llama model is gelu" in said(at)
    assert store.list() == []


def test_one_run_is_handed_out_as_a_folder_of_transformers(store: RunStore, tmp_path) -> None:
    run = adopt(store, str(llama(tmp_path / "it")))
    assert share._no_model([run]) == ""
    with share._model([run])() as made, zipfile.ZipFile(made) as archive:
        assert {"model.safetensors", "config.json", "README.md"} <= set(archive.namelist())
    other = finished(store, "no checkpoint", steps=5)
    assert "no checkpoint" in share._no_model([other])
    assert "single run" in share._no_model([run, other])


def test_its_attention_is_asked_for_on_its_own_probe_text(
    store: RunStore, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspections, "_enqueue", lambda *_: None)  # nobody answers
    run = adopt(store, str(llama(tmp_path / "it")))
    looked = model.Looked(run, None, "", "a", "induction")
    found = model.ask(store, looked, {}, None)
    assert found.wrong == []
    assert found.text is not None
    assert found.text.found[run.id].kind == "attention"
    assert about(run, tokens=True)["tokens"] == run.corpus["probe_pieces"]
    assert choices.text_problem(run, "hello") == ""
    assert f"at most {CONTEXT}" in choices.text_problem(run, "a" * (CONTEXT + 1))


@pytest.mark.parametrize("page", ["anatomy", "attention", "compare", "lab", "learn", "runs"])
def test_every_page_opens_over_an_adopted_model_and_a_run(
    store: RunStore, tmp_path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setattr(inspections, "_enqueue", lambda *_: None)  # nobody answers
    finished(store, "mine", steps=5)
    adopt(store, str(llama(tmp_path / "it")))
    at = AppTest.from_file(PAGE.with_name(f"{page}.py"), default_timeout=120).run()
    assert [e.value for e in at.exception] == []
    assert list(at.main)
    assert "could not be drawn" not in said(at)


def test_an_encoder_says_what_stands_for_its_masks(
    store: RunStore, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.anatomy import Silent
    from core.anatomy.loaded_checkpoint import LoadedCheckpoint
    from core.anatomy.masked import masked
    from core.anatomy.parameters import Masked
    from tests.unit.pretrained.test_masked import source

    monkeypatch.setattr(inspections, "_enqueue", lambda *_: None)
    source(tmp_path / "bert")
    run = adopt(store, str(tmp_path / "bert"))
    page = PAGE.with_name("anatomy.py")
    at = AppTest.from_file(page, default_timeout=120).run()
    assert [e.value for e in at.exception] == []
    at.text_input(key="anatomy_masked").set_value("a [MASK].").run()
    asked = inspections.prepare(run, "masked", 0, {"text": "a [MASK]."})
    found = masked(LoadedCheckpoint(run, 0), Masked(text="a [MASK]."), Silent()).result
    (asked.folder / "result.json").write_text(json.dumps(found))
    asked.write(inspections.Record("done", 1.0))
    at.run()
    assert [e.value for e in at.exception] == []
    (likeliest, share), *_ = found["masked"][0]["alternatives"]
    assert f"{share:.3f}" in said(at)
    shown = likeliest.strip() or "·"
    assert f'<td class="mask-token">{shown}</td>' in said(at)
