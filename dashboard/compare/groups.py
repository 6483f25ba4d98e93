"""Which runs belong together: drawn as one line with a band, folded into one row of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from core.catalogue.entry import Entry, differing
from core.catalogue.naming import names
from core.config.alike import SCHEDULE
from core.config.describe import short_title
from core.config.words import format_value
from core.language import mark, t
from dashboard.catalogue.run_names import of_one_setting
from dashboard.ui.language import named

NOTHING, SEED, TAG, GRID = mark("nothing"), mark("seed"), mark("tag"), mark("grid")


def ways(entries: Sequence[Entry]) -> list[str]:
    """By what these runs can be grouped: the fixed ways, then the settings that differ."""
    tag = [TAG] if any(entry.tags for entry in entries) else []
    grid = [GRID] if any(entry.meta.get("grid") for entry in entries) else []
    names = [name for name in differing(entries) if name != "training.seed"]
    return [SEED, NOTHING, *names, *tag, *grid]


def way_words(by: str) -> str:
    """A way as people read it."""
    if by in (NOTHING, SEED, TAG, GRID):
        return t(by)
    return named(by, short_title(by))


def labels(entries: Sequence[Entry], by: str) -> dict[str, str]:
    """The name of each run's group by the run's id; runs that stand alone are left out."""
    members: dict[Any, list[Entry]] = {}
    for entry in entries:
        key = _key(entry, by)
        if key is not None:
            members.setdefault(key, []).append(entry)
    groups = [group for group in members.values() if len(group) > 1]
    found: dict[str, str] = {}
    for group, name in zip(groups, _names(groups, by), strict=True):
        found |= {entry.id: name for entry in group}
    return found


def _key(entry: Entry, by: str) -> str | None:
    if by == SEED:
        return entry.setting
    if by == TAG:
        return entry.tags[0] if entry.tags else None
    if by == GRID:
        return str(entry.meta.get("grid") or "") or None
    if by not in entry.trained:
        return None
    # No setting describes all of a run that was rewired: it is averaged only with its like.
    rewired = entry.switches if entry.rewired else ()
    return str((entry.trained[by], rewired))


def _names(groups: Sequence[Sequence[Entry]], by: str) -> list[str]:
    """A name for each group, all different."""
    if by == SEED:
        found = names([of_one_setting(group) for group in groups])
        return [found[group[0].id] for group in groups]
    result: list[str] = []
    taken: Counter[str] = Counter()
    for name in (_name(group, by) for group in groups):
        taken[name] += 1
        result.append(name if taken[name] == 1 else f"{name} ({taken[name]})")
    return result


def _name(group: Sequence[Entry], by: str) -> str:
    first = group[0]
    if by == TAG:
        return first.tags[0]
    if by == GRID:
        return str(first.meta.get("grid_name") or first.meta["grid"])
    values = {"setting": t(short_title(by)), "value": format_value(first.trained[by])}
    if first.rewired and by != SCHEDULE:
        return t("{setting} {value}, rewired", **values)
    return f"{values['setting']} {values['value']}"
