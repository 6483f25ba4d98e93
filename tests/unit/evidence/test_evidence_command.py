"""``python -m core evidence``."""

from __future__ import annotations

import dataclasses
import json

import pytest

from core.__main__ import main
from core.evidence import kept, named, registry
from core.runs import RunStore


def test_a_check_is_measured_stored_and_told(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evidence", "--only", "one-token"]) == 0
    said = capsys.readouterr().out
    assert "one-token: shown" in said
    assert "1 shown, 0 not shown here, 0 outside the band" in said
    (one,) = named(["one-token"])
    record = kept.here(store.root, one)
    assert record is not None
    assert (record.hardware, record.torch, record.date) > ("", "", "2020")
    assert store.list() == [], "it trained nothing"

    assert main(["evidence", "--only", "one-token", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["record"]["verdict"] == "shown"
    assert told["record"]["values"][0]["inside"] is True


def test_the_list_measures_nothing(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "--list"]) == 0
    said = capsys.readouterr().out
    assert all(claim.name in said for claim in registry.CLAIMS)
    assert not kept.folder(store.root).exists()
    assert main(["evidence", "--list", "--quick", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("| claim |")


def test_what_lies_outside_its_band_gives_status_1(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = named(["one-token"])
    impossible = dataclasses.replace(one.quantities[0], low=1.0, high=2.0)
    changed = dataclasses.replace(one, quantities=(impossible,))
    monkeypatch.setattr(registry, "CLAIMS", (changed,))
    assert main(["evidence", "--only", "one-token"]) == 1
    assert "one-token: outside the band" in capsys.readouterr().out


def test_what_cannot_be_measured_is_one_sentence_and_status_1(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = named(["one-token"])
    missing = dataclasses.replace(one, function="tests.unit.evidence.missing_corpus:fails")
    monkeypatch.setattr(registry, "CLAIMS", (missing,))
    assert main(["evidence", "--only", "one-token"]) == 1
    said = capsys.readouterr().out
    assert "one-token: can't be measured: tiny-shakespeare can't be downloaded" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--only", "theorem1"], "did you mean theorem-1"),
        (["--only", "warm-up", "--quick"], "none of these is a quick check"),
    ],
)
def test_wrong_words_are_refused(
    store: RunStore, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main(["evidence", *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1
