"""In which settings runs differ, as tables of a page and of a report say it. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.catalogue.entry import Entry
from core.config import choices, settings
from core.config.alike import SCHEDULE
from core.config.describe import layers
from core.config.words import file_name, format_value
from core.language import t

OVERRIDES = "model.overrides"
SIDE_BY_SIDE = 4  # values of one line
MOST_VALUES = 6  # of all runs together


def drawn_together(entries: Iterable[Entry], labels: Mapping[str, str]) -> list[list[Entry]]:
    """The runs of each line: those with one label, and each of the others alone.

    `labels` has a group's name by the run's id. Lines stand in the order of their first runs.
    """
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        label = labels.get(entry.id)
        found.setdefault(f"group {label}" if label else f"run {entry.id}", []).append(entry)
    return list(found.values())


def written(dotted: str, value: Any) -> str:
    """A setting's value as a cell of a table says it; a dash where there is none.

    Layers that differ are told in words: how they are typed counts from 1 in a form and from 0 on
    the command line.
    """
    if isinstance(value, list | tuple) and value and dotted in (OVERRIDES, SCHEDULE):
        return "; ".join(_layers(dotted, one) for one in value)
    return format_value(file_name(dotted, value), empty="–")


def _layers(dotted: str, one: Mapping[str, Any]) -> str:
    words = t(layers(one))
    if dotted == OVERRIDES:
        return words
    return t("from step {step:,}, {words}", step=one.get("step", 0), words=words)


def common(dotted: str, entries: Sequence[Entry]) -> str:
    """The values of a setting that the runs of one line have, or how many they are."""
    values = ordered(dotted, (entry.trained.get(dotted) for entry in entries))
    shown = [written(dotted, value) for value in values]
    return ", ".join(shown) if len(shown) <= SIDE_BY_SIDE else t("{n} values", n=len(shown))


def counted(dotted: str, values: Iterable[Any]) -> str:
    """`pre ×12 · post ×12`: how many runs have each value, the most frequent first."""
    counts = Counter(written(dotted, value) for value in values).most_common()
    shown = [f"{value} ×{count}" for value, count in counts[:MOST_VALUES]]
    more = [t("{n} more", n=len(counts) - MOST_VALUES)] if len(counts) > MOST_VALUES else []
    return " · ".join(shown + more)


def is_number(value: Any) -> bool:
    """Whether a value is a number, and not the answer to a yes or no."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def ordered(dotted: str, values: Iterable[Any]) -> list[Any]:
    """Distinct values: numbers by size, before words in the setting's own order."""
    distinct: list[Any] = []
    for value in values:
        if value not in distinct:
            distinct.append(value)
    words = choices(dotted) if dotted in settings() else ()

    def rank(value: Any) -> tuple[float, int, str]:
        place = words.index(value) if value in words else -1
        return (value if is_number(value) else math.inf), place, format_value(value)

    return sorted(distinct, key=rank)
