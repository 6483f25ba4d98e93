"""W&B's CSV exports: of a chart, of one run's history, and of the table of runs.

A chart has one column for each run, `NAME - METRIC`, beside those of its least and greatest values;
a history has `_step` and one column for each metric; the table has a row for each run with its
settings and last values. Several files of one folder are put together by the runs' names.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterator
from pathlib import Path

from core.language import Message
from core.runs.origins import Value, number_of
from core.transfer.importers.taken import ImportRefusedError, Rows, Taken

BY = "W&B"
STEPS = ("step", "_step", "global_step", "trainer/global_step", "train/global_step", "epoch")
ENDS = ("__MIN", "__MAX")
BETWEEN = " - "
TABLE = ("State", "Created", "Runtime", "User", "Notes", "Tags", "Sweep")  # none is a setting
csv.field_size_limit(2**24)


def recognises(source: Path) -> bool:
    """Whether a file is such a CSV, or a folder holds some."""
    return any(_kind(_head(path)) for path in _files(source))


def _files(source: Path) -> list[Path]:
    there = sorted(source.glob("*.csv")) if source.is_dir() else [source]
    return [path for path in there if path.is_file() and path.suffix.lower() == ".csv"]


def _head(path: Path) -> list[str]:
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            return next(csv.reader(file), [])
    except (OSError, csv.Error):
        return []


def _kind(head: list[str]) -> str:
    if "_step" in head:
        return "history"
    if {"Name", "State"} <= set(head):
        return "table"
    charted = [name for name in head[1:] if BETWEEN in name]
    return "chart" if head and charted and len(charted) == len(head) - 1 else ""


def runs(source: Path) -> Iterator[Taken]:
    """The runs that the files tell of, in the order in which they are named."""
    found: dict[str, Taken] = {}
    rows: dict[str, Rows] = {}
    for path in _files(source):
        head = _head(path)
        kind = _kind(head)
        if not kind:
            continue
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            lines = csv.DictReader(file)
            if kind == "table":
                _table(path, lines, found)
            elif kind == "chart":
                _chart(path, head, lines, found, rows)
            else:
                _history(path, lines, found, rows)
    for name, one in found.items():
        if name in rows:
            # The table has the last values of metrics among the settings.
            for metric, (_, _, values) in rows[name].found.items():
                last = one.settings.get(metric)
                if len(set(values)) > 1 and str(last).lower() == str(number_of(str(values[-1]))):
                    del one.settings[metric]
            one.metrics = rows[name].points(0.0)
        yield one


def _taken(name: str, found: dict[str, Taken]) -> Taken:
    return found.setdefault(name, Taken(f"csv/{name}", name))


def _chart(
    path: Path,
    head: list[str],
    lines: csv.DictReader[str],
    found: dict[str, Taken],
    rows: dict[str, Rows],
) -> None:
    columns = {}
    for column in head[1:]:
        if not column.endswith(ENDS):
            name, _, metric = column.partition(BETWEEN)
            columns[column] = (name.strip(), metric.strip())
            _taken(name.strip(), found)
    if not (head[0].lower() in STEPS or "step" in head[0].lower() or "epoch" in head[0].lower()):
        raise ImportRefusedError(
            Message(
                "{file} is over {axis}; export the chart with Step as its x axis",
                file=path, axis=head[0],
            )
        )  # fmt: skip
    for line in lines:
        step = _number(line[head[0]])
        for column, (name, metric) in columns.items():
            value = _number(line[column])
            if step is not None and value is not None:
                rows.setdefault(name, Rows()).add(metric, step, 0.0, value)


def _history(
    path: Path, lines: csv.DictReader[str], found: dict[str, Taken], rows: dict[str, Rows]
) -> None:
    name = path.stem
    _taken(name, found)
    own = rows.setdefault(name, Rows())
    for line in lines:
        step = _number(line["_step"])
        seconds = _number(line.get("_runtime") or "") or 0.0
        for metric, text in line.items():
            if not metric or metric.startswith("_") or step is None:
                continue
            value = _number(text)
            if value is not None:
                own.add(metric, step, seconds, value)


def _table(path: Path, lines: csv.DictReader[str], found: dict[str, Taken]) -> None:
    for line in lines:
        one = _taken(str(line["Name"]), found)
        settings: dict[str, Value] = {
            name: number_of(text)
            for name, text in line.items()
            if name and name not in ("Name", *TABLE) and text
        }
        one.settings |= settings
        one.state = {"finished": "finished", "failed": "failed", "crashed": "failed"}.get(
            str(line["State"]), "stopped"
        )  # type: ignore[assignment]
        one.tags = tuple(filter(None, (tag.strip() for tag in (line.get("Tags") or "").split(","))))
        one.note = line.get("Notes") or ""
        if one.state == "failed":
            one.message = Message(
                "W&B's table of runs, of {date}, calls it {state}",
                date=datetime.date.fromtimestamp(path.stat().st_mtime).isoformat(),
                state=line["State"],
            )


def _number(text: str | None) -> float | None:
    """A cell's number; None of an empty one or a word."""
    try:
        return float(text) if text else None
    except ValueError:
        return None
