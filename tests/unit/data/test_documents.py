"""Texts of every form are read in pieces, in one order; what is wrong has its sentence."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from core.data.documents import Files, is_small_text, joined_to
from core.data.downloads import CorpusError


def text_of(path: Path | str, column: str = "") -> str:
    return "".join(piece for piece, _ in Files(str(path), column).pieces())


def lines(rows: list[object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_a_plain_text_longer_than_a_piece_with_letters_across_its_ends(tmp_path: Path) -> None:
    content = "ä残🙂\r\n" * 600_000  # no block of 2^20 bytes ends with a character
    path = tmp_path / "long.txt"
    path.write_bytes(b"\xef\xbb\xbf" + content.encode())
    assert text_of(path) == content
    told = [read for _, read in Files(str(path)).pieces()]
    assert len(told) > 2
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


def test_jsonl_parquet_and_packed_files_are_documents_with_a_line_between(tmp_path: Path) -> None:
    rows = [{"id": "1", "text": "one\nline"}, {"id": "2", "text": "twö"}]
    (tmp_path / "a.jsonl").write_text(lines(rows) + "\n")
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as file:
        file.write(lines(rows))
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    for name in ("a.jsonl", "b.jsonl.gz", "c.parquet"):
        assert text_of(tmp_path / name) == "one\nline\n\ntwö"
        assert text_of(tmp_path / name, "id") == "1\n\n2"
    (tmp_path / "texts.ndjson").write_text(lines(["just", "strings"]))
    assert text_of(tmp_path / "texts.ndjson") == "just\n\nstrings"


def test_a_folder_and_a_pattern_read_their_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("second")
    (tmp_path / "a.md").write_text("first")
    (tmp_path / "sub" / "c.jsonl").write_text(lines([{"text": "third"}]))
    (tmp_path / ".hidden.txt").write_text("no")
    (tmp_path / "picture.png").write_bytes(b"\0")
    assert text_of(tmp_path) == "first\n\nsecond\n\nthird"
    assert text_of(f"{tmp_path}/*.txt") == "second"
    before = Files(str(tmp_path)).identity()
    (tmp_path / "b.txt").write_text("changed")
    assert Files(str(tmp_path)).identity() != before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "Grüße".encode("latin-1"), "not UTF-8"),
        ("a.txt", b"text\0", "binary"),
        ("a.jsonl", b'{"text": "one"}\n{"text": \n', "line 2 is no JSON"),
        ("a.jsonl", b'{"one": "x", "other": "y"}\n', "accepted: one, other"),
        ("a.jsonl", b'{"text": "one"}\n{"text": 5}\n', "line 2 has no text in text"),
        ("a.parquet", b"PAR1 not really", "can't be read as Parquet"),
        ("a.txt.gz", b"not packed", "can't be read"),
    ],
)
def test_what_is_wrong_has_its_sentence(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=words) as refusal:
        text_of(tmp_path / name)
    assert name.split(".")[0] in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="a folder with files that end in"):
        Files(str(tmp_path))
    with pytest.raises(CorpusError, match="no file fits"):
        Files(f"{tmp_path}/*.txt")
    with pytest.raises(CorpusError, match="no file"):
        text_of(tmp_path / "absent.txt")


def test_which_texts_are_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("abc")
    assert is_small_text(str(path), 3)
    assert not is_small_text(str(path), 2)
    assert not is_small_text(str(tmp_path), 2**30)
    assert not is_small_text("x.jsonl", 2**30)


def test_short_pieces_are_joined() -> None:
    pieces = iter([("a", 1), ("bc", 3), ("defg", 7), ("h", 8)])
    assert list(joined_to(pieces, 3)) == [("abc", 3), ("defg", 7), ("h", 8)]
