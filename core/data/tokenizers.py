"""Characters as tokens, with the corpus's own alphabet, and bytes; what every tokenizer can do."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from core.files import write_atomically
from core.language import Message

MOST_LETTERS = 2**16
AT_ONCE = 2**22  # tokens that are counted at once: a corpus may be larger than the memory


class Tokenizer(Protocol):
    """Text to indices and back. `alphabet` has the text of each token by its index."""

    @property
    def alphabet(self) -> Sequence[str]:
        """The text of every token; U+FFFD of one that is a part of a character."""

    def encode(self, text: str) -> list[int]:
        """The indices of a text's tokens, with those that the model wants around it."""

    def known(self, text: str) -> str:
        """`text` without what has no token."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the indices."""

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text of each index."""

    def bytes_of(self, ids: np.ndarray) -> int:
        """How many bytes of UTF-8 these tokens are, (n,)."""


@dataclass(frozen=True)
class Tokens:
    """A text as indices (n,) into its alphabet: the sorted characters that occur in it (uint16), or
    the texts of a pretrained model's tokens (uint32)."""

    ids: np.ndarray
    alphabet: Sequence[str]


@dataclass(frozen=True)
class CharacterTokenizer:
    """Text to indices and back."""

    alphabet: str

    def encode(self, text: str) -> list[int]:
        """Indices of the characters; raises KeyError on one that the alphabet lacks."""
        index = {c: i for i, c in enumerate(self.alphabet)}
        return [index[c] for c in text]

    def known(self, text: str) -> str:
        """`text` without the characters that the alphabet lacks."""
        letters = set(self.alphabet)
        return "".join(c for c in text if c in letters)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the indices."""
        return "".join(self.alphabet[i] for i in ids)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text of each index."""
        return [self.alphabet[i] for i in ids]

    def bytes_of(self, ids: np.ndarray) -> int:
        """How many bytes of UTF-8 these characters are, (n,)."""
        sizes = np.array([len(letter.encode()) for letter in self.alphabet])
        return int(counted(ids, len(self.alphabet)) @ sizes)


class ByteTokenizer:
    """The 256 bytes of UTF-8; every text has tokens, and most characters of English have one."""

    alphabet = "".join(chr(i) if i < 128 else "\ufffd" for i in range(256))

    def encode(self, text: str) -> list[int]:
        """The bytes of a text."""
        return list(text.encode())

    def known(self, text: str) -> str:
        """All of it."""
        return text

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the bytes; U+FFFD where they are no UTF-8."""
        return bytes(ids).decode(errors="replace")

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The character of each byte, U+FFFD of one that is only a part of a character."""
        return [self.alphabet[i] for i in ids]

    def bytes_of(self, ids: np.ndarray) -> int:
        """As many as there are."""
        return len(ids)


def encode(text: str, sha: str, folder: Path) -> Tokens:
    """Tokens of a text, memory-mapped from `folder` when they were made before.

    Raises ValueError for a text of more different characters than 16 bits can number.
    """
    points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    symbols = np.flatnonzero(np.bincount(points))
    if len(symbols) > MOST_LETTERS:
        raise ValueError(
            Message(
                "has {n:,} different characters; accepted: at most {most:,}",
                n=len(symbols),
                most=MOST_LETTERS,
            )
        )
    alphabet = "".join(map(chr, symbols))
    path = folder / f"{sha}-characters.u16"
    table = np.zeros(int(symbols[-1]) + 1, dtype=np.uint16)
    table[symbols] = np.arange(len(symbols), dtype=np.uint16)
    ids = table[points]
    with contextlib.suppress(OSError, ValueError):
        kept = np.memmap(path, dtype=np.uint16, mode="r")
        # Compared as a whole: making them costs no more than a checksum of those that are kept.
        if np.array_equal(kept, ids):
            return Tokens(kept, alphabet)
    with contextlib.suppress(OSError):  # without a cache they are made again the next time
        folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO(ids.tobytes())
        write_atomically(path, buffer.getvalue())
    return Tokens(ids, alphabet)


def counted(ids: np.ndarray, vocabulary: int) -> np.ndarray:
    """How often each token occurs in `ids` (n,), a part of them at a time, (V,) int64."""
    found = np.zeros(vocabulary, np.int64)
    for start in range(0, len(ids), AT_ONCE):
        found += np.bincount(ids[start : start + AT_ONCE], minlength=vocabulary)
    return found


def log_shares(counts: np.ndarray) -> np.ndarray:
    """Natural logarithm of each token's share, from counts (V,); one that is absent counts once."""
    known = counts.astype(np.float64)
    logarithms: np.ndarray = np.log(np.maximum(known, 1) / known.sum())
    return logarithms


def log_frequencies(ids: np.ndarray, vocabulary: int) -> np.ndarray:
    """`log_shares` of the tokens of `ids`, (V,)."""
    return log_shares(counted(ids, vocabulary))


def cross_entropy(counts: np.ndarray, under: np.ndarray) -> float:
    """Mean nats per token of these counts (V,) under the frequencies of others, (V,)."""
    return float(-(counts @ log_shares(under)) / counts.sum())
