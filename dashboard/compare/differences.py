"""What differs between the runs that are drawn: settings down, runs or groups across."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from core.catalogue.index import Entry, differing
from core.config import overrides
from core.config.words import file_name, title_of
from dashboard.settings.form import DEFAULTS, LISTS
from dashboard.ui.palette import Mode, run_colour
from dashboard.ui.templates import render

NOBODY: Mapping[str, str] = {}
MODES: tuple[Mode, ...] = ("light", "dark")
ACROSS = 5  # runs or groups side by side; more are counted
Unit = tuple[str, Sequence[Entry]]  # a group's or a run's name, and its runs


def units(
    entries: Sequence[Entry], groups: Mapping[str, str], names: Mapping[str, str]
) -> list[Unit]:
    """What is drawn as one line each: the groups, and the runs that stand alone, by `names`."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        group = groups.get(entry.id)
        found.setdefault(f"group {group}" if group else entry.id, []).append(entry)
    called = {**{entry.id: entry.name for entry in entries}, **names, **groups}
    return [(called[own[0].id], own) for own in found.values()]


def table(
    entries: Sequence[Entry], groups: Mapping[str, str], names: Mapping[str, str] = NOBODY
) -> Markup:
    """The settings in which these runs differ, and how many are equal."""
    found = differing(entries)
    across = units(entries, groups, names)
    side_by_side = len(across) <= ACROSS
    rows = [
        (
            name,
            title_of(name),
            [_common(name, own) for _, own in across]
            if side_by_side
            else [_counted(name, found[name])],
        )
        for name in found
    ]
    heads = [
        (name, *(run_colour(own[0].colour, mode, text=True) for mode in MODES))
        for name, own in across
    ]
    return render(
        "compare/differences",
        heads=heads if side_by_side else [],
        rows=rows,
        count=len(entries),
        equal=len(DEFAULTS) - len(found),
    )


def _common(name: str, entries: Sequence[Entry]) -> str:
    found = {written(name, entry.trained[name]): entry.trained[name] for entry in entries}
    numbers = {text: v if isinstance(v, int | float) else math.inf for text, v in found.items()}
    values = sorted(found, key=lambda text: (numbers[text], text))
    return ", ".join(values) if len(values) <= 4 else f"{len(values)} values"


def _counted(name: str, values: Sequence[Any]) -> str:
    """`pre 12 · post 12`: how many runs have each value, the most frequent first."""
    counts = Counter(written(name, value) for value in values).most_common()
    shown = [f"{value} ×{count}" for value, count in counts[:6]]
    more = [f"{len(counts) - 6} more"] if len(counts) > 6 else []
    return " · ".join(shown + more)


def written(name: str, value: Any) -> str:
    """A setting's value as people write it."""
    if name in LISTS and isinstance(value, tuple):
        return overrides.text(value, people=True) or "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value in (None, "") else str(file_name(name, value))
