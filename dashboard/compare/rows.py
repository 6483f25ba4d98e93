"""The runs table's rows and columns, as its view in the browser takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.catalogue.entry import Entry, differing
from core.catalogue.naming import cut
from core.config.alike import SEED
from core.config.describe import short_title
from core.config.words import file_name
from core.jobs import elsewhere
from core.language import t
from dashboard.catalogue import run_names
from dashboard.catalogue.differences import is_number
from dashboard.compare.words import state_of
from dashboard.components.facts import seed_of
from dashboard.live import queue

COLUMNS = 6
# Settings that say least of a run stand last, and are the first to find no room.
LAST = ("training.seed", "training.threads", "training.device", "training.sharding",
        "training.compile", "training.accumulate",
        "training.recompute", "probes.", "data.path", "training.evaluate_every",
        "training.checkpoint_every")  # fmt: skip


def columns(entries: Sequence[Entry], most: int = COLUMNS) -> list[dict[str, Any]]:
    """The settings in which the runs differ: {name, title, number}."""
    found = differing(entries)
    names = sorted(found, key=lambda name: name.startswith(LAST))[:most]
    return [
        {
            "name": name,
            "title": t(short_title(name)),
            "number": all(value is None or is_number(value) for value in found[name]),
        }
        for name in names
    ]


def rows(
    entries: Sequence[Entry],
    shown: Sequence[Mapping[str, Any]],
    groups: Mapping[str, str],
    names: Mapping[str, str],
    flops: bool = False,
    labels: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """One row for each run: what the table shows of it, and what charts have to know of it.

    `names`: what runs are called by id, `labels` the same where room is short. `flops`: whether an
    axis counts them; it takes another file of each run.
    """
    settings = [column["name"] for column in shown]
    made = [_row(entry, settings, groups.get(entry.id), names, labels or {}) for entry in entries]
    if flops:
        for row, entry in zip(made, entries, strict=True):
            row["flops_per_step"] = entry.flops_per_step
    return made


def _row(
    entry: Entry,
    settings: Sequence[str],
    group: str | None,
    names: Mapping[str, str],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    found, meta = entry.summary, entry.meta
    words, bad = state_of(entry)
    twin = meta["twin_of"]
    return {
        "id": entry.id,
        "name": (name := names.get(entry.id, entry.name)),
        "label": labels.get(entry.id) or cut(name),
        "given": entry.name,
        "experiment": entry.experiment,
        "colour": entry.colour,
        "state": found.state,
        "words": t(words),
        "place": t(queue.words(entry.id)) if found.state == "queued" else None,
        "full": t(found.words),
        "where": t("on {host}", host=t(elsewhere.named(where)))
        if (where := entry.run.where)
        else "",
        "bad": bad,
        "verdict": found.verdict.kind,
        "settings": [_written(file_name(name, entry.trained.get(name))) for name in settings],
        "validation": [found.validation, found.best_validation],
        "training": [found.loss, found.best_loss],
        "tags": entry.tags,
        "note": str(meta["note"]),
        "group": group,
        "twin": names.get(str(twin), t("a deleted run")) if twin else None,
        "fork": run_names.forked(entry.run),
        "step": found.step,
        "steps": found.steps,
        "evaluate_every": entry.flat["training.evaluate_every"],
        "detail": seed_of(entry.flat[SEED], entry.origin),
        "tokens_per_step": entry.tokens_per_step,
        "layers": entry.layers,
        "unit": "images" if entry.image else "tokens",
    }


def _written(value: Any) -> Any:
    """Numbers and words as they are, lists in short."""
    if isinstance(value, tuple):
        return t("{n} set", n=len(value)) if value else ""
    return value
