"""MLflow's file store (`mlruns`) and its SQLite file (`mlflow.db`), without MLflow.

https://mlflow.org/docs/latest/self-hosting/architecture/backend-store
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.language import Message
from core.runs.origins import Value, number_of
from core.runs.status import State
from core.transfer.importers.databases import opened, tables
from core.transfer.importers.taken import Rows, Taken, unreadable
from core.transfer.importers.tensorboard_events import plain_yaml

BY = "MLflow"
META = "meta.yaml"
# As a file has them, as a database has them.
STATES: dict[str, State] = {
    **{"1": "stopped", "2": "stopped", "3": "finished", "4": "failed", "5": "stopped"},
    **{"RUNNING": "stopped", "SCHEDULED": "stopped", "FINISHED": "finished", "FAILED": "failed"},
    "KILLED": "stopped",
}
AT_WORK = ("1", "RUNNING")


def recognises(source: Path) -> bool:
    """Whether a folder is a file store, an experiment or a run of one, or a file its database."""
    if source.is_file():
        return {"runs", "metrics", "params", "experiments"} <= tables(source)
    return bool(_folders(source)) if source.is_dir() else False


def runs(source: Path) -> Iterator[Taken]:
    """The runs that are not deleted, in the order in which they began."""
    if source.is_file():
        yield from _of_database(source)
        return
    found = [(plain_yaml(folder / META), folder) for folder in _folders(source)]
    for meta, folder in sorted(found, key=lambda one: (str(one[0].get("start_time")), one[1])):
        if meta.get("lifecycle_stage") != "deleted":
            yield _of_folder(folder, meta)


def _folders(source: Path) -> list[Path]:
    """The folders of runs: with meta.yaml and, at any depth that a store has, metrics or params."""
    levels = ("", "*/", "*/*/")
    found = {path.parent for level in levels for path in source.glob(level + META)}
    return sorted(f for f in found if (f / "metrics").is_dir() or (f / "params").is_dir())


def _of_folder(folder: Path, meta: dict[str, Value]) -> Taken:
    rows = Rows()
    metrics = folder / "metrics"
    for path in sorted(p for p in metrics.rglob("*") if p.is_file()):
        name = path.relative_to(metrics).as_posix()
        try:
            for line in path.read_text("utf-8").splitlines():
                when, value, step = (*line.split(" "), "0")[:3]
                rows.add(name, int(step), int(when) / 1000, float(value))
        except (ValueError, UnicodeDecodeError) as error:
            raise unreadable(path, error) from error
    params, tags = (_texts(folder / kind) for kind in ("params", "tags"))
    settings = {name: number_of(text) for name, text in params.items()}
    began = meta.get("start_time")
    status = str(meta.get("status"))
    return Taken(
        str(meta.get("run_id") or meta.get("run_uuid") or folder.name),
        str(meta.get("run_name") or tags.get("mlflow.runName") or folder.name),
        settings,
        rows.points(began / 1000 if isinstance(began, int) else None),
        STATES.get(status, "finished"),
        _message(status),
        note=tags.get("mlflow.note.content", ""),
    )


def _texts(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_text("utf-8", "replace")
    return found


def _message(status: str) -> str:
    return Message("it was still at work when it was imported") if status in AT_WORK else ""


def _of_database(path: Path) -> Iterator[Taken]:
    try:
        with contextlib.closing(opened(path)) as base:
            every = base.execute(
                "SELECT run_uuid, name, status, start_time FROM runs"
                " WHERE lifecycle_stage != 'deleted' ORDER BY start_time, run_uuid"
            ).fetchall()
            for one in every:
                yield _of_rows(base, *one)
    except sqlite3.Error as error:
        raise unreadable(path, error) from error


def _of_rows(base: sqlite3.Connection, id: str, name: str, status: str, began: Any) -> Taken:
    rows = Rows()
    for key, step, when, value, is_nan in base.execute(
        "SELECT key, step, timestamp, value, is_nan FROM metrics WHERE run_uuid = ?"
        " ORDER BY key, step, timestamp",
        (id,),
    ):
        rows.add(key, step, when / 1000, float("nan") if is_nan else value)
    of = {
        kind: dict(base.execute(f"SELECT key, value FROM {kind} WHERE run_uuid = ?", (id,)))
        for kind in ("params", "tags")
    }
    settings = {key: number_of(str(value)) for key, value in of["params"].items()}
    return Taken(
        id,
        str(name or of["tags"].get("mlflow.runName") or id),
        settings,
        rows.points(began / 1000 if isinstance(began, int) else None),
        STATES.get(str(status), "finished"),
        _message(str(status)),
        note=str(of["tags"].get("mlflow.note.content", "")),
    )
