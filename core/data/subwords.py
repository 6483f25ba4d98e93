"""Subword tokens, a pretrained model's or learned here: a `tokenizer.json` of `tokenizers`.

The library is an extra, imported late; the file is data and runs no code.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.cache import Cache
from core.files import read_bytes, replacing, signature
from core.language import Message

FILE = "subwords.json"  # in a run's directory
BYTES_AT_ONCE = 2**16  # tokens whose text is made at once
KIND = "subwords"  # what the run's tokenizer.json says


class TokenizerError(ValueError):
    """A tokenizer that can't be used here; the sentence says why."""


class Subwords:
    """Text to indices and back.

    `alphabet` has the text of each token by its index; a token that holds a part of a character
    alone is shown as U+FFFD. `size`: how many the network knows, of which some may have no text.
    """

    def __init__(self, content: bytes, size: int | None = None) -> None:
        """Raises TokenizerError without the library, or for a file that it can't read."""
        self.content = content
        self._tokenizer = _read(content)
        known = self._tokenizer.get_vocab_size(with_added_tokens=True)
        self.size = known if size is None else size
        self.sha256 = hashlib.sha256(content).hexdigest()
        if self.size < known:
            raise TokenizerError(
                Message(
                    "the tokenizer has {known:,} tokens and the network only {size:,}",
                    known=known, size=self.size,
                )
            )  # fmt: skip

    @cached_property
    def alphabet(self) -> Sequence[str]:
        """The text of every token."""
        texts = self._tokenizer.decode_batch([[i] for i in range(self.size)], False)
        names = map(self._tokenizer.id_to_token, range(self.size))
        # SentencePiece's decoder drops the space before the first word of a text.
        return [
            f" {text}" if (name or "").startswith("▁") and not text.startswith(" ") else text
            for name, text in zip(names, texts, strict=True)
        ]

    def encode(self, text: str, special: bool = True) -> list[int]:
        """Indices of the tokens; `special`: with those that the model wants around a text."""
        return list(self._tokenizer.encode(text, add_special_tokens=special).ids)

    def known(self, text: str) -> str:
        """All of `text`: what has no token of its own is read as parts, or as the unknown one."""
        return text

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        """The text of the indices; `special`: with the names of those that are no text."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=not special))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text of each index."""
        return [self.alphabet[i] for i in ids]

    def bytes_of(self, ids: np.ndarray) -> int:
        """How many bytes of UTF-8 the text of these tokens has, (n,)."""
        parts = (ids[i : i + BYTES_AT_ONCE].tolist() for i in range(0, len(ids), BYTES_AT_ONCE))
        return sum(len(self.decode(part, special=False).encode()) for part in parts)

    def encode_all(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The tokens of each of many texts, without those around them, on all cores."""
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(one.ids, np.uint32) for one in found]

    def corpus(self, text: str, sha: str, folder: Path) -> np.ndarray:
        """The tokens of a long text (n,) uint32, kept in `folder`."""
        key = hashlib.sha256(f"{sha} {self.sha256}".encode()).hexdigest()
        path = folder / f"{key}-subwords.u32"
        try:
            return np.memmap(path, np.uint32, "r")
        except (OSError, ValueError):
            ids = np.array(self.encode(text, special=False), np.uint32)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_bytes(ids.tobytes())
        except OSError:
            pass  # made again the next time
        return ids


TOKENIZERS: Cache[Subwords] = Cache(8)


def subwords_in(folder: Path, size: int | None) -> Subwords:
    """The tokenizer of a run's directory. Raises TokenizerError."""
    path = folder / FILE

    def read() -> Subwords:
        try:
            return Subwords(read_bytes(path), size)
        except OSError as error:
            raise TokenizerError(
                Message("{file} is missing or damaged: {reason}", file=FILE, reason=str(error))
            ) from error

    return TOKENIZERS.get(path, signature(path), read)


@functools.lru_cache(maxsize=1)
def library() -> Any:
    """The library `tokenizers`. Raises TokenizerError where it is missing."""
    try:
        import tokenizers
    except ImportError as error:
        raise TokenizerError(
            Message(
                "subword tokens need the library `tokenizers`; install it with"
                " `pip install tokenizers`"
            )
        ) from error
    return tokenizers


def _read(content: bytes) -> Any:
    try:
        found = library().Tokenizer.from_buffer(content)
    except TokenizerError:
        raise
    except Exception as error:  # the library raises Exception itself
        raise TokenizerError(
            Message("tokenizer.json can't be read: {reason}", reason=str(error)[:200])
        ) from error
    found.no_truncation()
    found.no_padding()
    return found
