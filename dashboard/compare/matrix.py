"""Which trained: runs laid out by two of the settings in which they differ. Pure, no Streamlit.

What a cell says is decided here, by `core.catalogue.outcomes`; the browser draws it and asks
`/api/cells` anew for those whose runs are live.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.catalogue.comparable import factor
from core.catalogue.entry import Entry, differing
from core.catalogue.outcomes import Outcome, came, cell, outcome
from core.config.describe import short_title
from core.config.words import format_value
from core.grids import SEED
from core.language import t
from dashboard.catalogue.differences import is_number, ordered
from dashboard.settings.form import SETTINGS

MOST_VALUES = 48  # of one axis
# What changes no loss: how a run is measured and kept, and on what it is computed.
QUIET = ("probes.", "training.threads", "training.device", "training.sharding",
         "training.compile", "training.accumulate", "training.recompute",
         "training.evaluate", "training.check")  # fmt: skip
LAST = (SEED, "data.path", *QUIET)  # offered last


def axes(entries: Sequence[Entry], named: Iterable[str] = ()) -> dict[str, list[Any]]:
    """The settings in which runs differ, each with its values in order.

    Those of a grid's definition, `named`, come first and alone; without one all that differ.
    """
    found = differing(entries)
    names = [name for name in named if name in found] or sorted(
        found, key=lambda name: name.startswith(LAST)
    )
    held = {name: ordered(name, found[name]) for name in names}
    return {name: values for name, values in held.items() if len(values) <= MOST_VALUES}


def default_axes(found: Mapping[str, Sequence[Any]]) -> tuple[str, str | None]:
    """Rows and columns to begin with: numbers across, the rest down; seeds are averaged, and what
    changes no loss is laid out where nothing else differs.
    """
    told = [name for name in found if not name.startswith(QUIET)]
    names = [name for name in told if name != SEED] or told or list(found)
    many = {name: len(found[name]) for name in names}
    numeric = [name for name in names if all(is_number(v) for v in found[name])]
    across = max(numeric, key=many.__getitem__, default=None)
    rest = [name for name in names if name != across]
    if not rest:  # one setting alone: its values below each other
        return names[0], None
    down = max(rest, key=many.__getitem__)
    if across is None:
        across = max((name for name in rest if name != down), key=many.__getitem__, default=None)
    return down, across


def label(dotted: str, value: Any) -> str:
    """`4 layers`, `0.001`, `post`."""
    extra = SETTINGS[dotted].json_schema_extra if dotted in SETTINGS else None
    unit = str((extra or {}).get("unit", ""))
    text = format_value(value, grouped=True)
    counted = unit.endswith("s") and is_number(value)
    return f"{text} {t(unit.removesuffix('s') if value == 1 else unit)}" if counted else text


def kind(entry: Entry) -> str:
    """How a run counts: its verdict once it came to its end, else stopped or live."""
    return came(entry.summary)


def row(entry: Entry) -> dict[str, Any]:
    """One run as the browser's matrix takes it."""
    return {"id": entry.id, "kind": kind(entry), "state": entry.summary.state}


def outcomes(
    entries: Sequence[Entry], held: Collection[str] = (), in_bits: bool = False
) -> list[Outcome]:
    """The outcome of each run, or where it stands; `held` are ids of waiting runs that are held
    back, `in_bits` gives losses in bits per byte.
    """
    factors = [factor(entry, in_bits) for entry in entries]
    found = [
        outcome(entry.summary, entry.experiment, own)
        for entry, own in zip(entries, factors, strict=True)
    ]
    return [
        replace(one, state="paused") if entry.id in held and one.state == "queued" else one
        for entry, one in zip(entries, found, strict=True)
    ]


def judged(
    table: Sequence[Sequence[Mapping[str, Any]]], found: Sequence[Outcome]
) -> list[list[dict[str, Any]]]:
    """The cells as they are shown, each with the positions of its runs."""
    return [
        [
            {
                "runs": one["runs"],
                **cell([found[i] for i in one["runs"]], one.get("reason", "")).for_browser(t),
            }
            for one in line
        ]
        for line in table
    ]


def cells(
    entries: Sequence[Entry],
    down: tuple[str, Sequence[Any]],
    across: tuple[str | None, Sequence[Any]],
    impossible: Sequence[Mapping[str, Any]] = (),
) -> list[list[dict[str, Any]]]:
    """Rows of cells: the positions of each cell's runs in `entries`, and why it has none.

    `impossible` are a grid's cells that can't be, each with its `values` and its `reason`.
    """
    table: list[list[dict[str, Any]]] = [[{"runs": []} for _ in across[1]] for _ in down[1]]
    for index, entry in enumerate(entries):
        # As `axes` found it; what a run has no value of is None there.
        values = {name: entry.trained.get(name) for name in (down[0], across[0]) if name}
        place = _place(values, down, across)
        if place:
            table[place[0]][place[1]]["runs"].append(index)
    for one in impossible:
        place = _place(one["values"], down, across)
        if place and not table[place[0]][place[1]]["runs"]:
            table[place[0]][place[1]]["reason"] = one["reason"]
    return table


def _place(
    values: Mapping[str, Any],
    down: tuple[str, Sequence[Any]],
    across: tuple[str | None, Sequence[Any]],
) -> tuple[int, int] | None:
    try:
        row = down[1].index(values[down[0]])
        return row, across[1].index(values[across[0]]) if across[0] else 0
    except (KeyError, ValueError):
        return None


def title(entries: Sequence[Entry]) -> str:
    """`Which trained? 7 of 12`, and how many are still to come."""
    kinds = [kind(entry) for entry in entries]
    ahead = kinds.count("live")
    ended = len(kinds) - ahead
    values = {"learned": kinds.count("learned"), "ended": ended, "ahead": ahead}
    if not ended:
        return t("Which trained? {ahead} to go", **values)
    if not ahead:
        return t("Which trained? {learned} of {ended}", **values)
    return t("Which trained? {learned} of {ended}, {ahead} to go", **values)


def subtitle(found: Mapping[str, Sequence[Any]], down: str, across: str | None) -> str:
    """`placement by depth · mean over seed (3), norm (2)`: what is laid out, and what averaged."""
    rest = [
        f"{t(short_title(name))} ({len(values)})"
        for name, values in found.items()
        if name not in (down, across)
    ]
    laid = t(short_title(down))
    if across:
        laid = t("{down} by {across}", down=laid, across=t(short_title(across)))
    return t("{laid} · mean over {rest}", laid=laid, rest=", ".join(rest)) if rest else laid
