"""Short words for tables: a run's state."""

from __future__ import annotations

from core.catalogue.entry import Entry
from core.verdicts import labels


def state_of(entry: Entry) -> tuple[str, str]:
    """The word of a run's state in a narrow column, and the word of its warning or ""."""
    found, kind = entry.summary, entry.summary.verdict.kind
    first = entry.fork.step if entry.fork else 0
    words = labels.short_words(found.state, kind, found.step, found.steps, found.diverged_at, first)
    return words, labels.warns(found.state, kind)
