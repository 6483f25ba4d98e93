"""An own text on the Lab's page: named in the address, opened when somebody presses Train."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.config.words import file_name
from core.data import corpora
from core.runs import RunStore
from dashboard.catalogue import differences

LAB = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages" / "lab.py"


@pytest.fixture(autouse=True)
def _own_store(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)


def test_a_path_from_an_address_is_opened_by_no_drawing(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = corpora.read_named

    def watched(path: Path, most: int) -> bytes:
        opened.append(str(path))
        return real(path, most)

    monkeypatch.setattr(corpora, "read_named", watched)
    at = AppTest.from_file(LAB, default_timeout=120)
    at.query_params["data_path"] = "/dev/zero"
    at.query_params["data_corpus"] = "file"
    at.session_state["data_path"], at.session_state["data_corpus"] = "/dev/zero", "file"
    at.run()
    assert not at.exception
    assert opened == []
    said = " ".join(str(e.proto.body) for e in at.sidebar if e.type == "html")
    assert " zero is read at Train" in said
    assert "/dev" not in said

    at.button(key="train").click().run()
    assert opened == ["/dev/zero"]
    assert not at.exception
    assert store.list() == []

    text = tmp_path / "text.txt"
    text.write_text("to be or not to be " * 100)
    at.text_input(key="data_path").set_value(str(text)).run()
    assert opened == ["/dev/zero"]
    at.button(key="train").click().run()
    assert opened == ["/dev/zero", str(text)]
    assert len(store.list()) == 1


def test_a_corpus_from_an_address_is_downloaded_by_no_drawing(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page knows what it costs without it; the run that Train starts brings it."""
    asked: list[str] = []

    def offline(url: str, timeout: float) -> Any:
        asked.append(url)
        raise OSError("no network")

    corpora._load_text.cache_clear()
    monkeypatch.setenv("ADDNORM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ADDNORM_DATA", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", offline)
    at = AppTest.from_file(LAB, default_timeout=120)
    at.session_state["data_corpus"] = "tiny-shakespeare"
    at.query_params["data_corpus"] = "tiny-shakespeare"
    at.run()
    assert not at.exception
    assert asked == []
    assert not at.button(key="train").disabled
    at.button(key="train").click().run()
    assert not at.exception
    assert [run.config.data.corpus for run in store.list()] == ["tiny-shakespeare"]
    with pytest.raises(corpora.CorpusError, match="no network"):
        corpora.load_corpus(store.list()[0].config)
    assert asked, "and the worker of the run asks for it"


def test_an_upload_shows_its_name_and_never_the_servers_path(store: RunStore) -> None:
    kept = corpora.keep_upload(b"to be or not to be " * 100, "mytext.txt")
    at = AppTest.from_file(LAB, default_timeout=120)
    at.query_params["data_path"], at.query_params["data_corpus"] = str(kept), "file"
    at.session_state["data_path"], at.session_state["data_corpus"] = str(kept), "file"
    at.run()
    said = " ".join(str(e.proto.body) for e in at.sidebar if e.type == "html")
    assert "Text file <b>mytext.txt</b>" in said
    assert "mytext.txt is read at Train" in said
    assert str(kept.parent) not in said
    at.button(key="other_text").click().run()
    problems = " ".join(str(e.proto.body) for e in at.sidebar if e.type == "html")
    assert "Choose a text file, or another corpus." in problems
    assert "data.path" not in problems


def test_a_table_names_the_file_and_not_its_folder() -> None:
    assert differences.written("data.path", "/srv/uploads/ab12/mytext.txt") == "mytext.txt"
    assert file_name("data.path", "/srv/mytext.txt") == "mytext.txt"
    assert file_name("data.path", None) is None
    assert file_name("data.corpus", "a/b") == "a/b"
