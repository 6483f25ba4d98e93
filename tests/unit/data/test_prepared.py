"""Texts that are cut into tokens on the disk: the same tokens as of the whole, and never half."""

import errno
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.config import DataConfig
from core.data import corpora, prepared, vocabularies
from core.data.documents import Files, parts
from core.data.downloads import CorpusError
from core.data.tokenizers import ByteTokenizer, encode
from core.language import Message

# Blank lines, spaces at ends of lines, indented code, numbers, several scripts.
TEXT = (
    "The cat sat on the mat, it's 1234 o'clock.\n\n\n  def f(x):\n\treturn x + 1;  \r\n"
    "Grüße, 残差连接 和 层归一化 🙂!\n \n End of it.\n"
) * 900


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pieces of a small text."""
    monkeypatch.setattr(prepared, "BLOCK", 5000)
    monkeypatch.setattr(prepared, "PART", 700)


def file_of(tmp_path: Path, text: str = TEXT) -> Files:
    path = tmp_path / "mine.txt"
    path.write_bytes(text.encode())
    return Files(str(path))


def test_pieces_begin_where_words_do() -> None:
    found = [text for text, _ in parts(iter([(TEXT, 0)]), 700)]
    assert "".join(found) == TEXT
    assert len(found) > 100
    assert max(map(len, found)) <= 1400
    for before, after in itertools.pairwise(found):
        assert before.endswith("\n")
        assert not after[0].isspace()
    assert [t for t, _ in parts(iter([("x" * 5000, 0)]), 700)] == [
        "x" * n for n in (*[700] * 7, 100)
    ]


def test_characters_are_those_of_the_whole_text(tmp_path: Path) -> None:
    whole = encode(TEXT, "sha", tmp_path / "tokens")
    text = prepared.prepared(file_of(tmp_path), None, tmp_path)
    assert text.tokenizer.alphabet == whole.alphabet
    assert text.tokens.ids.dtype == np.uint16
    np.testing.assert_array_equal(text.tokens.ids, whole.ids)
    in_memory = corpora.load_text(DataConfig(path=str(tmp_path / "mine.txt")))
    assert text.unigram_entropy == in_memory.unigram_entropy
    assert text.unigram_validation == in_memory.unigram_validation
    assert text.bytes_per_token == in_memory.bytes_per_token
    assert text.sha256 == in_memory.sha256
    np.testing.assert_array_equal(text.log_unigram, in_memory.log_unigram)
    np.testing.assert_array_equal(text.batches(16, 4, 3).at(7), in_memory.batches(16, 4, 3).at(7))


def test_bytes(tmp_path: Path) -> None:
    data = DataConfig(path=str(file_of(tmp_path).paths[0]), tokenizer="bytes")
    text = prepared.prepared(file_of(tmp_path), vocabularies.vocabulary_of(data), tmp_path)
    assert bytes(text.tokens.ids.tolist()) == TEXT.encode()
    assert (text.vocabulary, text.unit, text.bytes_per_token) == (256, "byte", 1.0)
    assert ByteTokenizer().decode(ByteTokenizer().encode("残 e")) == "残 e"
    assert ByteTokenizer().pieces([0xE6, 65]) == ["\ufffd", "A"]


def test_byte_pairs_of_pieces_are_those_of_the_whole_text(tmp_path: Path) -> None:
    data = DataConfig(path=str(file_of(tmp_path).paths[0]), tokenizer="bpe", vocabulary=400)
    vocabulary = vocabularies.vocabulary_of(data)
    text = prepared.prepared(file_of(tmp_path), vocabulary, tmp_path)
    tokenizer = text.tokenizer
    assert text.tokens.ids.tolist() == tokenizer.encode(TEXT)
    assert tokenizer.decode(text.tokens.ids.tolist()) == TEXT
    assert 256 < text.vocabulary <= 400
    assert text.unit == "token"
    held_out = tokenizer.decode(text.validation.tolist())
    # A character that the border parts is on neither side whole.
    assert abs(text.held_out_bytes - len(held_out.encode())) <= 4
    assert text.bytes_per_token == text.held_out_bytes / len(text.validation)
    again = prepared.prepared(file_of(tmp_path), vocabulary, tmp_path / "other")
    np.testing.assert_array_equal(text.tokens.ids, again.tokens.ids)


def test_a_text_is_cut_once_and_again_only_when_it_changes(tmp_path: Path) -> None:
    told: list[str] = []
    prepared.prepared(file_of(tmp_path), None, tmp_path, lambda _, words: told.append(str(words)))
    assert any("cuts mine.txt" in words for words in told)
    told.clear()
    prepared.prepared(Files(str(tmp_path / "mine.txt")), None, tmp_path, lambda *_: told.append(""))
    assert not told
    assert prepared.is_prepared(Files(str(tmp_path / "mine.txt")), None, tmp_path)
    changed = prepared.prepared(file_of(tmp_path, TEXT + "more"), None, tmp_path)
    assert changed.length == len(TEXT) + 4


def test_damaged_tokens_are_made_anew(tmp_path: Path) -> None:
    text = prepared.prepared(file_of(tmp_path), None, tmp_path)
    ids = np.array(text.tokens.ids)
    [path] = tmp_path.glob("*/ids")
    with path.open("r+b") as file:
        file.seek(500)
        file.write(b"\xff\xff")
    np.testing.assert_array_equal(
        prepared.prepared(file_of(tmp_path), None, tmp_path).tokens.ids, ids
    )
    path.write_bytes(path.read_bytes()[:-2])
    assert prepared.prepared(file_of(tmp_path), None, tmp_path).length == len(ids)


def test_who_is_told_may_end_it_and_nothing_stays(tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def stop(share: float, words: Message) -> None:
        if share > 0.6:
            raise EnoughError

    with pytest.raises(EnoughError):
        prepared.prepared(file_of(tmp_path), None, tmp_path, stop)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    assert prepared.prepared(file_of(tmp_path), None, tmp_path).length == len(TEXT)


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f"abc.new-{ended.pid}"
    left.mkdir()
    other = tmp_path / f"abc.new-{os.getppid()}"
    other.mkdir()
    prepared.prepared(file_of(tmp_path), None, tmp_path)
    assert not left.exists()
    assert other.exists()


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(prepared.os, "fsync", full)
    with pytest.raises(CorpusError, match=r"the disk is full at .*ADDNORM_CACHE"):
        prepared.prepared(file_of(tmp_path), None, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("text", "words"), [(" \n\t", "empty"), ("short", "5 tokens, which is too short")]
)
def test_texts_without_enough_in_them(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        prepared.prepared(file_of(tmp_path, text), None, tmp_path)


def test_a_text_that_grows_meanwhile(tmp_path: Path) -> None:
    path = file_of(tmp_path).paths[0]

    def grow(share: float, words: Message) -> None:
        if share <= 0.3:  # read once, not yet cut
            with path.open("a") as file:
                file.write("more and more\n" * 100)

    with pytest.raises(CorpusError, match="changed while it was read"):
        prepared.prepared(Files(str(path)), None, tmp_path, grow)


LIMITED = """
import json, resource, sys
from core.config import DataConfig
from core.data import corpora
import tokenizers, pyarrow.parquet  # what reading needs is there before the memory is limited
def used(name):
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(lines[name].split()[0]) * 1024
path, kind, room = sys.argv[1], sys.argv[2], int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_DATA, (used("VmData") + room,) * 2)
told = []
text = corpora.load_text(DataConfig(path=path, tokenizer=kind),
                         lambda share, words: told.append(share))
print(json.dumps([text.length, text.bytes_per_token, len(told)]))
"""


@pytest.mark.parametrize("kind", ["characters", "bytes", "bpe"])
def test_a_corpus_larger_than_the_memory_it_may_use(tmp_path: Path, kind: str) -> None:
    """Twice as many bytes as it may take; byte pairs are learned from 32 MB of them."""
    rng = np.random.default_rng(0)
    words = ["".join(chr(97 + c) for c in rng.integers(0, 26, n)) for n in rng.integers(2, 9, 3000)]
    path = tmp_path / "large.jsonl"
    size = 0
    with path.open("w") as file:
        while size < 160 * 2**20:
            row = " ".join(words[i] for i in rng.integers(0, 3000, 20_000))
            size += file.write(json.dumps({"text": row}) + "\n")
    room = 80 * 2**20 if kind != "bpe" else 140 * 2**20
    environment: dict[str, Any] = {
        **os.environ, "ADDNORM_CACHE": str(tmp_path / "cache"), "RAYON_NUM_THREADS": "2",
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    made = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), kind, str(room)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-2000:]
    length, each, told = json.loads(made.stdout)
    assert told > 100
    assert length * each == pytest.approx(size, rel=0.05)
