"""Runs as TensorBoard event files, written by TensorBoard's own writer.

One folder for each run, named by its id. Scalars keep their metric's name as the tag; a per-layer
metric is one tag for each layer, ``grad_norm/block/layer_3``, counted from 0. The wall time of a
step is the run's creation plus its seconds of training, so "relative" shows those seconds. The
settings stand under *Text*.
"""

from __future__ import annotations

import calendar
import heapq
import json
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.metrics.names import flat_names
from core.runs.run import Run


def to_tensorboard(
    runs: Sequence[Run], folder: Path, metrics: Sequence[str] | None = None
) -> list[Path]:
    """Write each run's events into a folder of its own below `folder`; those folders."""
    # Imported late: with its protocol buffers it costs a second, and few ever export.
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    paths = []
    for run in runs:
        path = folder / run.id
        writer = EventFileWriter(str(path), max_queue_size=1000)
        try:
            began = _created(run)
            writer.add_event(Event(wall_time=began, step=0, summary=_settings(run)))
            parts = [_rows(run, cadence, metrics) for cadence in run.cadences]
            for step, seconds, summary in heapq.merge(*parts, key=lambda row: row[:2]):
                writer.add_event(Event(wall_time=began + seconds, step=step, summary=summary))
        finally:
            writer.close()
        paths.append(path)
    return paths


def _created(run: Run) -> float:
    """When the run was created, in seconds since 1970, by its id; else by its settings' file."""
    found = re.match(r"(\d{8}-\d{6})(\d{3})-", run.id)
    if found:
        try:
            parsed = time.strptime(found[1], "%Y%m%d-%H%M%S")
            return calendar.timegm(parsed) + int(found[2]) / 1000
        except ValueError:
            pass
    return (run.path / "config.json").stat().st_mtime


def _rows(
    run: Run, cadence: str, metrics: Sequence[str] | None
) -> Iterator[tuple[int, float, Any]]:
    """(step, seconds, summary) of each row; the summary has a value for each tag."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    widths = run.cadence_metrics(cadence)
    names = [name for name in widths if metrics is None or name in metrics]
    rows = run.rows(cadence, [*names, "seconds"])
    tags: list[str] = []
    columns: list[list[float]] = []
    for name in names:
        column = rows.columns[name]
        tags += flat_names(name, column.shape[1] if column.ndim == 2 else 0)
        columns += column.T.tolist() if column.ndim == 2 else [column.tolist()]
    value = Summary.Value
    for index, step in enumerate(rows.steps.tolist()):
        values = [
            value(tag=tag, simple_value=column[index])
            for tag, column in zip(tags, columns, strict=True)
        ]
        yield step, float(rows.columns["seconds"][index]), Summary(value=values)


def _settings(run: Run) -> Any:
    """The settings as a text, in Markdown as TensorBoard shows it."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.text.metadata import create_summary_metadata
    from tensorboard.util.tensor_util import make_tensor_proto

    settings = run.origin.get("settings") or run.config.model_dump(mode="json")
    text = json.dumps(settings, ensure_ascii=False, indent=1)
    quoted = "\n".join(f"    {line}" for line in f"{run.name}\n{text}".splitlines())
    metadata = create_summary_metadata(display_name="settings", description="")
    value = Summary.Value(
        tag="settings", metadata=metadata, tensor=make_tensor_proto([quoted.encode()])
    )
    return Summary(value=[value])
