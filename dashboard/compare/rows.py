"""The runs table's rows and columns, as its view in the browser takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.runs.compare import state_words
from dashboard.compare.catalogue import Entry, differing
from dashboard.compare.words import short_title, state_of
from dashboard.state import LIVE

COLUMNS = 6
# Settings that say least of a run stand last, and are the first to find no room.
LAST = ("training.seed", "training.threads", "probes.", "data.path", "training.evaluate_every",
        "training.checkpoint_every")  # fmt: skip


def columns(entries: Sequence[Entry], most: int = COLUMNS) -> list[dict[str, Any]]:
    """The settings in which the runs differ: {name, title, number}."""
    found = differing(entries)
    names = sorted(found, key=lambda name: name.startswith(LAST))[:most]
    return [
        {
            "name": name,
            "title": short_title(name),
            "number": all(_is_number(value) for value in found[name]),
        }
        for name in names
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def rows(
    entries: Sequence[Entry],
    shown: Sequence[Mapping[str, Any]],
    groups: Mapping[str, str],
    names: Mapping[str, str],
) -> list[dict[str, Any]]:
    """One row for each run: what the table shows of it, and what charts have to know of it.

    `names`: of all runs by id, for twins.
    """
    settings = [column["name"] for column in shown]
    return [_row(entry, settings, groups.get(entry.id), names) for entry in entries]


def _row(
    entry: Entry, settings: Sequence[str], group: str | None, names: Mapping[str, str]
) -> dict[str, Any]:
    found, meta = entry.digest, entry.meta
    words, bad = state_of(entry)
    twin = meta["twin_of"]
    return {
        "id": entry.id,
        "name": entry.name,
        "colour": entry.colour,
        "state": found.state,
        "words": words,
        "full": state_words(entry.run, found.kind) if found.state in LIVE else found.words,
        "bad": bad,
        "settings": [_written(entry.flat.get(name)) for name in settings],
        "validation": [found.validation, found.best_validation],
        "training": [found.training, found.best_training],
        "tags": entry.tags,
        "note": str(meta["note"]),
        "group": group,
        "twin": names.get(str(twin), "a deleted run") if twin else None,
        "steps": found.steps,
        "detail": f"seed {entry.flat['training.seed']}",
        "tokens_per_step": found.tokens_per_step,
        "flops_per_step": found.flops_per_step,
        "layers": found.layers,
        "unit": found.unit,
    }


def _written(value: Any) -> Any:
    """Numbers and words as they are, lists in short."""
    if isinstance(value, tuple):
        return f"{len(value)} set" if value else ""
    return value
