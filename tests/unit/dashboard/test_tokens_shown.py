"""A typed text as the chosen tokenizer cuts it, on the Lab's page."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.data.tokenizers import ByteTokenizer, CharacterTokenizer
from core.runs import RunStore
from dashboard.lab.tokens import MOST, cut

LAB = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages" / "lab.py"


def test_pieces_and_what_is_said_of_them() -> None:
    found = cut(CharacterTokenizer("\n abc"), "ab c\nx")
    assert [(piece.text, piece.id) for piece in found.pieces] == [
        ("a", 2), ("b", 3), ("·", 1), ("c", 4), ("↵", 0),
    ]  # fmt: skip
    assert found.said == (
        "5 tokens, 1.00 bytes each; 5 in the vocabulary. The corpus has no x: left out."
    )
    found = cut(ByteTokenizer(), "é" * MOST)
    assert len(found.pieces) == MOST
    assert [piece.id for piece in found.pieces[:2]] == [0xC3, 0xA9]
    assert found.said.endswith(f"The first {MOST} are shown.")
    assert cut(CharacterTokenizer("a"), "xyz").pieces == []


@pytest.fixture
def lab(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    return AppTest.from_file(LAB, default_timeout=120)


def shown(at: AppTest) -> str:
    return " ".join(str(e.proto.body) for e in at.sidebar if e.type == "html")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"data_tokenizer": "characters"}, "9 tokens, 1.00 bytes each"),
        ({"data_tokenizer": "bytes"}, "256 in the vocabulary"),
        ({"data_tokenizer": "bpe", "data_vocabulary": 400}, "400 in the vocabulary"),
        ({"data_tokenizer": "file", "data_tokenizer_file": "absent.json"}, "there is no file"),
        ({"data_tokenizer": "file"}, "settings first"),
    ],
)
def test_the_page_shows_them(lab: AppTest, values: dict[str, object], said: str) -> None:
    for name, value in values.items():
        lab.query_params[name] = str(value)
    lab.run()
    assert "token-count" not in shown(lab)
    lab.text_area(key="tokens_text").set_value("The yield").run()
    assert not lab.exception
    assert said in shown(lab)


def test_a_task_has_no_text_to_cut(lab: AppTest) -> None:
    lab.query_params["data_corpus"] = "copy"
    lab.run()
    assert not [area for area in lab.text_area if area.key == "tokens_text"]
