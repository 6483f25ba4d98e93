"""Which runs are listed: all, or those that a filter lets pass."""

from __future__ import annotations

from collections.abc import Sequence

from core.catalogue import entry as catalogue
from core.catalogue.entry import Entry, own_settings
from core.catalogue.filters import FilterError, parse
from core.language import t
from core.metrics.derived import BITS_PER_BYTE
from dashboard.catalogue import run_names

# Every run has these, from its first step on; they stand first.
FIRST = ("loss/train", "loss/validation", BITS_PER_BYTE, "accuracy/validation", "grad_norm/total",
         "learning_rate", "tokens_per_second")  # fmt: skip


def filtered(entries: Sequence[Entry], text: str) -> tuple[list[Entry], str]:
    """The runs that a filter lets pass; with all of them, one sentence on what can't be read."""
    try:
        kept = parse(text, own_settings(entries))
    except FilterError as error:
        return list(entries), t("Filter, {error}.", error=t(error))
    if not text.strip():
        return list(entries), ""
    shown = run_names.everywhere().names  # what a person reads in the list, and so searches for
    return [e for e in entries if kept.matches({**e.values, "shown": shown.get(e.id, "")})], ""


def counted(listed: Sequence[Entry], entries: Sequence[Entry]) -> str:
    """`12 of 250 runs`."""
    n = len(entries)
    if len(listed) == n:
        return t("{n:,} run", "{n:,} runs", n=n)
    return t("{listed:,} of {n:,} run", "{listed:,} of {n:,} runs", n=n, listed=len(listed))


def metrics(entries: Sequence[Entry]) -> list[str]:
    """The metrics that the curves can show: those that every run has, then the others by name."""
    known = catalogue.metrics(entries)
    drawn = [name for name in known if not name.startswith("seconds")]
    return [*FIRST, *(name for name in drawn if name not in FIRST)]
