"""Characters as tokens, with the corpus's own alphabet."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.files import write_atomically
from core.language import Message

MOST_LETTERS = 2**16


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

    def decode(self, ids: list[int]) -> str:
        """The text of the indices."""
        return "".join(self.alphabet[i] for i in ids)


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


def log_frequencies(ids: np.ndarray, vocabulary: int) -> np.ndarray:
    """Natural logarithm of each token's share in `ids` (V,); a token that is absent counts once."""
    counts = np.bincount(ids, minlength=vocabulary).astype(np.float64)
    logarithms: np.ndarray = np.log(np.maximum(counts, 1) / counts.sum())
    return logarithms


def cross_entropy(ids: np.ndarray, under: np.ndarray, vocabulary: int) -> float:
    """Mean nats per token of `ids` under the frequencies of `under`."""
    counts = np.bincount(ids, minlength=vocabulary)
    return float(-(counts @ log_frequencies(under, vocabulary)) / counts.sum())
