"""The tokenizer that a run's directory keeps: one way to write it down and one to read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.data.subwords import FILE, KIND, Subwords, subwords_in
from core.data.tokenizers import ByteTokenizer, CharacterTokenizer, Tokenizer
from core.files import write_atomically

CHARACTERS, BYTES = "characters", "bytes"


def keep(folder: Path, tokenizer: Tokenizer) -> dict[str, Any]:
    """Write what `tokenizer.json` can't say beside it; what it says. Raises OSError."""
    if isinstance(tokenizer, Subwords):
        write_atomically(folder / FILE, tokenizer.content)
        return {"kind": KIND, "sha256": tokenizer.sha256, "size": tokenizer.size}
    if isinstance(tokenizer, ByteTokenizer):
        return {"kind": BYTES, "size": len(tokenizer.alphabet)}
    return {"kind": CHARACTERS, "alphabet": "".join(tokenizer.alphabet)}


def tokenizer_in(
    folder: Path, about: Mapping[str, Any]
) -> CharacterTokenizer | ByteTokenizer | Subwords | None:
    """The tokenizer of a run, `about` its `tokenizer.json`; None before its first start and of
    images. Raises TokenizerError."""
    kind = about.get("kind")
    if kind == KIND:
        size = about.get("size")
        return subwords_in(folder, size if isinstance(size, int) else None)
    if kind == BYTES:
        return ByteTokenizer()
    alphabet = about.get("alphabet")
    return CharacterTokenizer(alphabet) if isinstance(alphabet, str) and alphabet else None
