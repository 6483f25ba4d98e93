"""Whether losses of several runs compare, and what makes them: bits per byte. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core.catalogue.entry import Entry
from core.metrics.derived import bits


def is_mixed(entries: Sequence[Entry]) -> bool:
    """Whether losses in nats of these runs are for different things, and do not compare."""
    return len({entry.cut for entry in entries if entry.run.corpus}) > 1


def in_bits(entries: Sequence[Entry]) -> bool:
    """Whether bits per byte compare what losses in nats do not: texts in different tokens."""
    begun = [entry for entry in entries if entry.run.corpus]
    return is_mixed(begun) and all(entry.bytes_per_token for entry in begun)


def factor(entry: Entry, in_bits: bool) -> float:
    """What a loss in nats is multiplied by: 1, or what makes it bits per byte."""
    size = entry.bytes_per_token if in_bits else None
    return bits(1.0, size) if size else 1.0
