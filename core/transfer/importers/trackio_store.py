"""trackio's SQLite files, one a project, without trackio.

Its metrics are JSON objects by step, in which "NaN" and "Infinity" stand for what JSON lacks.
"""

from __future__ import annotations

import contextlib
import datetime
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.files import parse_json
from core.runs.origins import settings_of
from core.transfer.importers.databases import opened, tables
from core.transfer.importers.taken import Rows, Taken, unreadable

BY = "trackio"
WORDS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def recognises(source: Path) -> bool:
    """Whether a file is a project of trackio, or a folder holds some."""
    return bool(_projects(source))


def _projects(source: Path) -> list[Path]:
    there = sorted(source.glob("*.db")) if source.is_dir() else [source]
    return [path for path in there if path.is_file() and _is_project(path)]


def _is_project(path: Path) -> bool:
    if "metrics" not in tables(path):
        return False
    with contextlib.suppress(sqlite3.Error), contextlib.closing(opened(path)) as base:
        return {"run_name", "step", "metrics", "timestamp"} <= _columns(base, "metrics")
    return False


def _columns(base: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in base.execute(f"PRAGMA table_info({table})")}


def runs(source: Path) -> Iterator[Taken]:
    """The runs of each project, in the order in which they began."""
    for path in _projects(source):
        try:
            with contextlib.closing(opened(path)) as base:
                yield from _of_project(base, path.stem)
        except (sqlite3.Error, ValueError) as error:
            raise unreadable(path, error) from error


def _of_project(base: sqlite3.Connection, project: str) -> Iterator[Taken]:
    # Runs of early releases are told apart by their names alone.
    key = "run_id" if "run_id" in _columns(base, "metrics") else "run_name"
    configs: dict[str, Any] = {}
    if _columns(base, "configs"):
        own = key if key in _columns(base, "configs") else "run_name"
        configs = dict(base.execute(f"SELECT {own}, config FROM configs ORDER BY id"))
    found: dict[str, tuple[str, Rows]] = {}
    for id, name, step, when, text in base.execute(
        f"SELECT {key}, run_name, step, timestamp, metrics FROM metrics ORDER BY id"
    ):
        _, rows = found.setdefault(id, (name, Rows()))
        seconds = datetime.datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp()
        for metric, value in numbers(parse_json(text)):
            rows.add(metric, step, seconds, value)
    for id, (name, rows) in found.items():
        config = parse_json(configs[id]) if id in configs else {}
        own_settings = {key: value for key, value in config.items() if not key.startswith("_")}
        source = f"{project}/{id}"
        yield Taken(source, name, settings_of(own_settings), rows.points())


def numbers(content: Any, before: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a JSON object by their names, those of objects in it by dotted names."""
    for name, value in content.items() if isinstance(content, dict) else ():
        dotted = f"{before}.{name}" if before else str(name)
        if isinstance(value, dict):
            if "_type" not in value:  # a picture, a table
                yield from numbers(value, dotted)
        elif isinstance(value, str) and value in WORDS:
            yield dotted, WORDS[value]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield dotted, float(value)
