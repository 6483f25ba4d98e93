"""What Neptune's exporter wrote (`<run>_part_<n>.parquet`), without Neptune.

Every row is one attribute of a run, or one value of a series, with its type:
https://github.com/neptune-ai/neptune-exporter, *Parquet schema*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.runs.origins import Value, plain
from core.runs.status import State
from core.transfer.importers.taken import Rows, Taken, unreadable

BY = "Neptune"
PART = re.compile(r"(.+)_part_(\d+)\.parquet")
COLUMNS = {"run_id", "attribute_path", "attribute_type", "step", "float_value"}
VALUES = {
    "float": "float_value",
    "int": "int_value",
    "string": "string_value",
    "bool": "bool_value",
    "datetime": "datetime_value",
}
SYSTEM = "sys/"  # begins what Neptune itself keeps
NAMES = ("sys/name", "sys/custom_run_id", "sys/id")


def recognises(source: Path) -> bool:
    """Whether a file is a part of such an export, or a folder holds some."""
    return any(_is_part(path) for path in _files(source)[:3])


def _files(source: Path) -> list[Path]:
    there = sorted(source.rglob("*.parquet")) if source.is_dir() else [source]
    return [path for path in there if path.is_file() and path.suffix == ".parquet"]


def _is_part(path: Path) -> bool:
    try:
        return set(pq.read_schema(path).names) >= COLUMNS
    except (pa.ArrowException, OSError, ValueError):
        return False


def runs(source: Path) -> Iterator[Taken]:
    """The runs, by their files' names."""
    parts: dict[Path, list[tuple[int, Path]]] = {}
    for path in _files(source):
        if _is_part(path):
            found = PART.fullmatch(path.name)
            stem, number = (found[1], int(found[2])) if found else (path.stem, 0)
            parts.setdefault(path.parent / stem, []).append((number, path))
    for _, own in sorted(parts.items()):
        try:
            yield from _runs([path for _, path in sorted(own)])
        except (pa.ArrowException, OSError, ValueError) as error:
            raise unreadable(own[0][1], error) from error


def _runs(paths: list[Path]) -> Iterator[Taken]:
    wanted = [*COLUMNS, "project_id", "timestamp", *VALUES.values(), "string_set_value"]
    rows: dict[str, Rows] = {}
    single: dict[str, dict[str, Any]] = {}
    for path in paths:
        file = pq.ParquetFile(path)
        columns = [name for name in dict.fromkeys(wanted) if name in file.schema_arrow.names]
        for batch in file.iter_batches(columns=columns):
            for one in batch.to_pylist():
                key = f"{one.get('project_id') or ''}/{one['run_id']}"
                own = single.setdefault(key, {})
                name, kind = one["attribute_path"], one["attribute_type"]
                if kind == "float_series" and one["float_value"] is not None:
                    when = one.get("timestamp")
                    seconds = when.timestamp() if when is not None else 0.0
                    step = float(one["step"] or 0)
                    rows.setdefault(key, Rows()).add(name, step, seconds, one["float_value"])
                elif kind in VALUES:
                    own[name] = one.get(VALUES[kind])
                elif kind == "string_set":
                    own[name] = one.get("string_set_value") or []
    for key, own in single.items():
        yield _taken(key, own, rows.get(key, Rows()))


def _taken(key: str, own: dict[str, Any], rows: Rows) -> Taken:
    settings: dict[str, Value] = {
        name.replace("/", "."): plain(value)
        for name, value in own.items()
        if not name.startswith(SYSTEM) and not isinstance(value, list)
    }
    name = next((str(own[one]) for one in NAMES if own.get(one)), key.rpartition("/")[2])
    state: State = "failed" if own.get("sys/failed") is True else "finished"
    return Taken(
        key,
        name,
        settings,
        rows.points(),
        state,
        tags=tuple(map(str, own.get("sys/tags") or ())),
        note=str(own.get("sys/description") or ""),
    )
