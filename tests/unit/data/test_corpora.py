"""Texts: every way in which one can be wrong has its own sentence; batches depend on the step."""

import hashlib
import os
import urllib.error
from pathlib import Path

import numpy as np
import pytest

from core.config import DataConfig
from core.data import corpora
from core.data.batches import Batches, evaluation_windows
from core.data.downloads import CorpusError
from core.data.texts import Text
from core.data.tokenizers import CharacterTokenizer


def of(path: Path) -> Text:
    return corpora.load_text(DataConfig(corpus="file", path=str(path)))


def test_the_embedded_corpus() -> None:
    text = corpora.load_text(DataConfig())
    assert text.length > 300_000
    assert 80 < text.vocabulary < 200
    assert 3.1 < text.unigram_entropy < 3.4
    assert len(text.training) == int(0.9 * text.length)
    counts = np.bincount(text.training, minlength=text.vocabulary)
    shares = counts[counts > 0] / counts.sum()
    assert text.unigram_entropy == pytest.approx(-(shares * np.log(shares)).sum())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"  \n\t ", "empty"),
        (b"\x7fELF\0\0\0", "binary"),
        ("Grüße".encode("latin-1") * 100, "not UTF-8"),
        ("Grüße".encode("utf-16"), "UTF-16"),
        (b"short", "too short"),
    ],
)
def test_bad_files_each_have_their_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=words) as refusal:
        of(path)
    assert "mine.txt" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_missing_folders_large_and_secret_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CorpusError, match="no file"):
        of(tmp_path / "absent.txt")
    with pytest.raises(CorpusError, match="folder"):
        of(tmp_path)
    path = tmp_path / "large.txt"
    path.write_text("abc " * 1000)
    monkeypatch.setattr(corpora, "LIMIT_BYTES", 2**10)
    larger = of(path)  # not held in memory, and the same
    assert (larger.length, larger.vocabulary) == (4000, 4)
    assert larger.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(CorpusError, match="limit"):
        corpora.keep_upload(path.read_bytes(), "large.txt")


def test_a_file_shorter_than_the_context(tmp_path: Path) -> None:
    path = tmp_path / "haiku.txt"
    path.write_text("old pond, a frog jumps in, the sound of water\n")
    text = of(path)
    with pytest.raises(CorpusError, match=r"model\.context 64 needs at least 73"):
        corpora.check_length(text, 64)
    corpora.check_length(text, 16)
    windows = evaluation_windows(text.validation, 16)
    assert windows.shape == (1, len(text.validation))


def test_own_text_with_any_letters(tmp_path: Path) -> None:
    path = tmp_path / "多语言.txt"
    content = "残差连接 и нормализация 🙂 naïve\r\n" * 50
    path.write_bytes(b"\xef\xbb\xbf" + content.encode())
    text = of(path)
    tokenizer = CharacterTokenizer(text.tokens.alphabet)
    assert tokenizer.decode(text.tokens.ids.tolist()) == content
    assert tokenizer.encode(content[:20]) == text.tokens.ids[:20].tolist()
    assert tokenizer.known("残x差") == "残x差".replace("x", "")
    path.write_text("changed " * 100)
    assert of(path).vocabulary == len(set("changed "))


def test_uploads_are_kept_by_hash() -> None:
    first = corpora.keep_upload(b"some text " * 20, "../evil.txt")
    assert first.name == "evil.txt"
    assert first.parent.parent == corpora.cache_folder() / "uploads"
    assert corpora.keep_upload(b"some text " * 20, "evil.txt") == first
    assert of(first).length == 200


def test_shakespeare_is_taken_from_the_named_folder_by_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"To be, or not to be\n" * 30
    monkeypatch.setattr(corpora, "SHAKESPEARE_BYTES", len(content))
    monkeypatch.setattr(corpora, "SHAKESPEARE_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setenv("ADDNORM_DATA", str(tmp_path))
    (tmp_path / "decoy.txt").write_bytes(b"x" * len(content))
    (tmp_path / "any name").write_bytes(content)
    corpora._load_text.cache_clear()
    assert corpora.load_text(DataConfig(corpus="tiny-shakespeare")).length == 600
    corpora._load_text.cache_clear()


def test_offline_and_damaged_downloads_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDNORM_DATA", "")
    monkeypatch.setenv("ADDNORM_CACHE", str(tmp_path))
    corpora._load_text.cache_clear()

    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(CorpusError, match=r"ADDNORM_DATA.*python-reference"):
        corpora.load_text(DataConfig(corpus="tiny-shakespeare"))

    monkeypatch.setattr(corpora, "SHAKESPEARE_URL", (tmp_path / "wrong").as_uri())
    monkeypatch.undo()
    monkeypatch.setenv("ADDNORM_DATA", "")
    monkeypatch.setenv("ADDNORM_CACHE", str(tmp_path))
    (tmp_path / "wrong").write_text("<html>")
    monkeypatch.setattr(corpora, "SHAKESPEARE_URL", (tmp_path / "wrong").as_uri())
    with pytest.raises(CorpusError, match="damaged"):
        corpora.load_text(DataConfig(corpus="tiny-shakespeare"))
    assert not list(tmp_path.glob("corpora/*"))


def test_a_download_is_checked_and_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"Now is the winter of our discontent\n" * 30
    source = tmp_path / "source.txt"
    source.write_bytes(content)
    monkeypatch.setenv("ADDNORM_DATA", "")
    monkeypatch.setenv("ADDNORM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(corpora, "SHAKESPEARE_URL", source.as_uri())
    monkeypatch.setattr(corpora, "SHAKESPEARE_BYTES", len(content))
    monkeypatch.setattr(corpora, "SHAKESPEARE_SHA256", hashlib.sha256(content).hexdigest())
    corpora._load_text.cache_clear()
    corpora.load_text(DataConfig(corpus="tiny-shakespeare"))
    source.unlink()  # the second time it comes from the cache
    corpora._load_text.cache_clear()
    assert corpora.load_text(DataConfig(corpus="tiny-shakespeare")).length == len(content)
    corpora._load_text.cache_clear()


@pytest.mark.skipif(
    not os.environ.get("ADDNORM_DATA"), reason="ADDNORM_DATA names no folder of corpora"
)
def test_the_real_shakespeare() -> None:
    text = corpora.load_text(DataConfig(corpus="tiny-shakespeare"))
    assert text.vocabulary == corpora.SHAKESPEARE_LETTERS
    assert text.length == corpora.SHAKESPEARE_BYTES
    assert (text.length, text.vocabulary) == (1_115_394, 65)
    assert text.unigram_entropy == pytest.approx(3.309, abs=5e-4)
    assert text.unigram_validation == pytest.approx(3.347, abs=5e-4)


def test_batches_depend_on_seed_and_step_alone() -> None:
    tokens = np.arange(1000, dtype=np.uint16)
    one, other = Batches(tokens, 8, 4, seed=3), Batches(tokens, 8, 4, seed=3)
    other.at(7)
    np.testing.assert_array_equal(one.at(50), other.at(50))
    assert (one.at(50) != one.at(51)).any()
    assert (one.at(50) != Batches(tokens, 8, 4, seed=4).at(50)).any()
    batch = one.at(0)
    assert batch.shape == (4, 9)
    assert (np.diff(batch, axis=1) == 1).all()


def test_batches_reach_the_first_and_the_last_window() -> None:
    batches = Batches(np.arange(10, dtype=np.uint16), 8, 64, seed=0)
    starts = set(batches.at(0)[:, 0].tolist())
    assert starts == {0, 1}
    exact = Batches(np.arange(9, dtype=np.uint16), 8, 4, seed=0)
    assert set(exact.at(0)[:, 0].tolist()) == {0}
