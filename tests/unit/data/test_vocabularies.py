"""Tokenizers: learned, from a file, and tiktoken's in the form that runs keep."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.config import DataConfig
from core.data import corpora, vocabularies
from core.data.documents import Held
from core.data.downloads import CorpusError, cache_folder
from core.data.prepared import quiet
from core.data.subwords import Subwords

TEXT = "It's the 1234th time that the cat, the other cat and THE CAT sat on the mat.\n\n" * 200


def held(text: str = TEXT) -> Held:
    return Held("mine", str(hash(text)), text)


def of(**data: Any) -> Any:
    return corpora.load_text(DataConfig(**data))


def ranks_of(tokenizer: Subwords) -> dict[bytes, int]:
    """A tokenizer's tokens as tiktoken has them."""
    spelt = {letter: byte for byte, letter in vocabularies._letters().items()}
    vocab = json.loads(tokenizer.content)["model"]["vocab"]
    return {bytes(spelt[c] for c in token): i for token, i in vocab.items()}


def test_learned_tokens_are_frequent_pairs_of_bytes() -> None:
    found = vocabularies.learned(held("ab " * 500), 260, quiet)
    assert found.size == 258  # ab, and with its space; there is nothing more to join
    assert found.pieces(found.encode("ab ab")) == ["ab", " ab"]
    assert found.decode(found.encode("残差 x")) == "残差 x"


def test_nothing_is_learned_from_what_is_held_out() -> None:
    told = vocabularies.learned(held("ab " * 900 + "qz " * 100), 270, quiet)
    assert "qz" not in told.alphabet
    assert "ab" in told.alphabet


def test_large_texts_are_learned_from_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabularies, "LEARNED_FROM", 1000)
    pieces = [(f"{i:09d} ", 10 * (i + 1)) for i in range(1000)]
    documents: Any = SimpleNamespace(name="x", size=10_000, pieces=lambda: iter(pieces))
    given = [int(piece) for piece in vocabularies._spread(documents, quiet)]
    assert 90 <= len(given) <= 110
    assert max(given) < 900
    assert max(b - a for a, b in itertools.pairwise(given)) <= 12


def test_a_tokenizer_file(tmp_path: Path) -> None:
    kept = vocabularies.learned(held(), 300, quiet)
    path = tmp_path / "tokenizer.json"
    path.write_bytes(kept.content)
    text = of(tokenizer_file=str(path))
    assert text.tokenizer.sha256 == kept.sha256
    assert text.vocabulary == kept.size
    path.write_text("{}")
    with pytest.raises(CorpusError, match=r"data\.tokenizer_file: tokenizer\.json can't be read"):
        of(tokenizer_file=str(path))
    with pytest.raises(CorpusError, match=r"data\.tokenizer_file: there is no file"):
        of(tokenizer_file=str(tmp_path / "absent.json"))


@pytest.mark.parametrize("name", vocabularies.PATTERNS)
def test_an_encoding_cuts_as_tiktoken_does(name: str) -> None:
    tiktoken = pytest.importorskip("tiktoken")
    from tiktoken_ext import openai_public

    spelt = dict.fromkeys(("gpt2", "r50k_base", "p50k_base"), openai_public.r50k_pat_str)
    spelt["cl100k_base"] = (
        r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"""
        r"""| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"""
    )
    learned = vocabularies.learned(held(TEXT + "".join(vocabularies.CHECKED) * 30), 700, quiet)
    own = tiktoken.Encoding(
        name="own",
        pat_str=spelt.get(name, vocabularies.PATTERNS[name]),
        mergeable_ranks=ranks_of(learned),
        special_tokens={"<|endoftext|>": learned.size + 5},
    )
    ours = Subwords(vocabularies.converted(own, vocabularies.PATTERNS[name]), own.n_vocab)
    for text in (
        TEXT,
        *vocabularies.CHECKED,
        "1234567 \n\n\n x'S\r\n\r\n  ",
        "残差连接🙂 <|endoftext|>",
    ):
        assert ours.encode(text) == own.encode_ordinary(text), text
        assert ours.decode(ours.encode(text)) == text
    assert ours.size == own.n_vocab


def test_an_encoding_is_kept_and_needs_neither_network_nor_library_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiktoken = pytest.importorskip("tiktoken")
    learned = vocabularies.learned(held(), 300, quiet)
    own = tiktoken.Encoding(
        name="gpt2", pat_str=vocabularies.GPT2, mergeable_ranks=ranks_of(learned),
        special_tokens={},
    )  # fmt: skip
    vocabularies._encoding.cache_clear()
    monkeypatch.setitem(vocabularies.SIZES, "gpt2", 300)
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: own)
    text = of(tokenizer="tiktoken")
    assert (text.vocabulary, text.unit) == (300, "token")
    assert (cache_folder() / "tokenizers" / "gpt2.json").exists()

    def offline(name: str) -> None:
        raise OSError("no network")

    monkeypatch.setattr(tiktoken, "get_encoding", offline)
    vocabularies._encoding.cache_clear()
    assert of(tokenizer="tiktoken").tokenizer.sha256 == text.tokenizer.sha256
    (cache_folder() / "tokenizers" / "gpt2.json").unlink()
    vocabularies._encoding.cache_clear()
    with pytest.raises(CorpusError, match=r"no network.*TIKTOKEN_CACHE_DIR, or choose tokenizer"):
        of(tokenizer="tiktoken")
    vocabularies._encoding.cache_clear()


def test_an_encoding_that_is_cut_differently_is_refused() -> None:
    tiktoken = pytest.importorskip("tiktoken")
    own = tiktoken.Encoding(
        name="new", pat_str=r"\S+|\s+", special_tokens={},
        mergeable_ranks=ranks_of(vocabularies.learned(held(), 600, quiet)),
    )  # fmt: skip
    with pytest.raises(CorpusError, match="new of this tiktoken cuts texts in a way"):
        vocabularies.converted(own, vocabularies.GPT2)


def test_libraries_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tiktoken", None)
    vocabularies._encoding.cache_clear()
    with pytest.raises(CorpusError, match="pip install tiktoken"):
        of(tokenizer="tiktoken")


def test_sizes_that_are_known_without_reading() -> None:
    sizes = {
        kind: vocabularies.size_of(DataConfig(tokenizer=kind))  # type: ignore[arg-type]
        for kind in ("characters", "bytes", "bpe", "tiktoken")
    }
    assert sizes == {"characters": 0, "bytes": 256, "bpe": 2048, "tiktoken": 50257}
