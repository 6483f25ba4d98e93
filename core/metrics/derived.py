"""Metrics that nobody writes: another one times a number of the run, made as they are read.

`bits_per_byte/validation`, the validation loss in bits for each byte of UTF-8 of the held-out text:
nats / ln 2 / bytes of a token. Losses per token of different tokenizers do not compare; these do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.cache import Cache
from core.files import Signature, read_json, signature

BITS_PER_BYTE = "bits_per_byte/validation"
OF_LOSS = "loss/validation"

Sources = dict[str, tuple[str, float]]  # by name: the metric that is written, and the factor

# Of every run that is listed.
BYTES: Cache[float | None] = Cache(20_000)


def bits(loss: float, bytes_per_token: float) -> float:
    """A loss in nats per token as bits per byte."""
    return loss / math.log(2) / bytes_per_token


def bytes_per_token(folder: Path | str) -> float | None:
    """Bytes of UTF-8 that a token of the held-out text stands for; None where that is not known.

    Runs of before it was written down: 1 where every letter of their alphabet is one byte.
    """
    corpus, tokenizer = f"{folder}/corpus.json", f"{folder}/tokenizer.json"
    stamps: tuple[Signature | None, Signature | None] = signature(corpus), signature(tokenizer)
    if stamps[0] is None:
        return None
    return BYTES.get(str(folder), stamps, lambda: _bytes(_fields(corpus), _fields(tokenizer)))


def _bytes(corpus: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> float | None:
    known = corpus.get("bytes_per_token")
    if isinstance(known, int | float) and math.isfinite(known) and known > 0:
        return float(known)
    alphabet = tokenizer.get("alphabet")
    plain = corpus.get("unit", "character") == "character" and isinstance(alphabet, str)
    return 1.0 if plain and alphabet and str(alphabet).isascii() else None


def _fields(path: str) -> Mapping[str, Any]:
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def sources(folder: Path | str) -> Sources:
    """The derived metrics of the run in this folder."""
    size = bytes_per_token(folder)
    return {} if size is None else {BITS_PER_BYTE: (OF_LOSS, bits(1.0, size))}
