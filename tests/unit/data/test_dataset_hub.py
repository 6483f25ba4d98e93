"""Datasets by name: from a folder through the code that streams those of the network."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.config import DataConfig
from core.data import corpora, hub
from core.data.downloads import CorpusError, cache_folder

datasets = pytest.importorskip("datasets")
ROWS = [{"text": f"Row {i} of a story, told again and again.", "other": i} for i in range(200)]
WHOLE = "\n\n".join(str(row["text"]) for row in ROWS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "stories"
    found.mkdir()
    half = len(ROWS) // 2
    for name, rows in (("train-0", ROWS[:half]), ("train-1", ROWS[half:])):
        (found / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return found


def text_of(**data: Any) -> str:
    text = corpora.load_text(DataConfig(corpus="dataset", **data))
    return text.tokenizer.decode(text.tokens.ids.tolist())


def test_a_folder_is_streamed(folder: Path) -> None:
    told: list[str] = []
    data = DataConfig(dataset=str(folder))
    text = corpora.load_text(data, lambda share, words: told.append(str(words)))
    assert data.corpus == "dataset"
    assert text.name == "stories"
    assert text.tokenizer.decode(text.tokens.ids.tolist()) == WHOLE
    assert any("opens the dataset stories" in words for words in told)


def test_saved_datasets_and_their_splits(tmp_path: Path) -> None:
    path = str(tmp_path / "saved")
    parts = {"train": datasets.Dataset.from_list(ROWS[:50]),
             "test": datasets.Dataset.from_list(ROWS[50:])}  # fmt: skip
    datasets.DatasetDict(parts).save_to_disk(path)
    assert text_of(dataset=path, split="test").startswith("Row 50 ")
    with pytest.raises(CorpusError, match=r"has no validation; accepted: train, test"):
        text_of(dataset=path, split="validation")
    one = str(tmp_path / "one")
    parts["train"].save_to_disk(one)
    assert text_of(dataset=one).startswith("Row 0 ")


def test_it_is_brought_once_and_anew_when_the_folder_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert text_of(dataset=str(folder)) == WHOLE
    with monkeypatch.context() as patch:
        patch.setattr(hub, "_library", lambda: pytest.fail("it was there"))
        assert text_of(dataset=str(folder)) == WHOLE
        assert text_of(dataset=str(folder), tokenizer="bytes") != ""
    (folder / "train-2.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    assert text_of(dataset=str(folder)) == f"{WHOLE}\n\n{ROWS[0]['text']}"


def test_no_more_than_was_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MEGABYTE", 1000)
    assert text_of(dataset=str(folder), megabytes=2) == WHOLE[:2000]


def test_who_is_told_may_end_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "TOLD_EVERY", 1000)
    (cache_folder() / "datasets").mkdir(parents=True, exist_ok=True)

    class EnoughError(Exception):
        pass

    def stop(share: float, words: object) -> None:
        if "brings stories" in str(words):
            raise EnoughError

    before = {path.name for path in (cache_folder() / "datasets").iterdir()}
    with pytest.raises(EnoughError):
        corpora.load_text(DataConfig(dataset=str(folder)), stop)
    assert {path.name for path in (cache_folder() / "datasets").iterdir()} == before


def test_what_is_wrong_has_its_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CorpusError, match="accepted: text"):
        text_of(dataset=str(folder), column="story")
    with pytest.raises(CorpusError, match=r"can't be read \(.*check its name"):
        text_of(dataset=str(folder), split="nowhere")

    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no network\nat all")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(CorpusError, match=r"some/name can't be read \(no network at all\)"):
        text_of(dataset="some/name")
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(CorpusError, match="pip install datasets"):
        text_of(dataset="other/name")
    with pytest.raises(CorpusError, match="pip install datasets"):
        corpora.check_corpus(__import__("core.config").config.RunConfig(
            data=DataConfig(dataset="other/name")))  # fmt: skip


def test_names_with_a_configuration_reach_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(*names: object, **options: object) -> Any:
        asked.append((names, options))
        return iter(ROWS)

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert text_of(dataset="Salesforce/wikitext:wikitext-2-raw-v1", split="test") == WHOLE
    assert asked == [
        (("Salesforce/wikitext", "wikitext-2-raw-v1"), {"split": "test", "streaming": True})
    ]
