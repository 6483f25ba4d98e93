"""What differs between the runs that are drawn: settings down, runs or groups across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from core.catalogue.entry import Entry, differing
from core.config.words import title_of
from core.language import t
from core.palette import Mode, run_colour
from dashboard.catalogue.differences import common, counted, drawn_together
from dashboard.settings.form import DEFAULTS
from dashboard.ui.templates import render

NOBODY: Mapping[str, str] = {}
MODES: tuple[Mode, ...] = ("light", "dark")
ACROSS = 5  # runs or groups side by side; more are counted
Unit = tuple[str, Sequence[Entry]]  # a group's or a run's name, and its runs


def units(
    entries: Sequence[Entry], groups: Mapping[str, str], names: Mapping[str, str]
) -> list[Unit]:
    """The lines that are drawn, each with its runs: the groups, and the runs that stand alone, by
    `names`.
    """
    called = {**{entry.id: entry.name for entry in entries}, **names, **groups}
    return [(called[own[0].id], own) for own in drawn_together(entries, groups)]


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
            t(title_of(name)),
            [common(name, own) for _, own in across]
            if side_by_side
            else [counted(name, found[name])],
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
        equal=sum(name not in found for name in DEFAULTS),
    )
