"""Short words for tables: a run's state."""

from __future__ import annotations

from core.catalogue.index import Entry
from core.verdicts import labels


def state_of(entry: Entry) -> tuple[str, str]:
    """What a narrow column says of a run's state, and what it warns of ("" for nothing)."""
    found, kind = entry.summary, entry.summary.verdict.kind
    words = labels.short_words(found.state, kind, found.step, found.steps, found.diverged_at)
    return words, labels.warns(found.state, kind)
