"""TensorBoard's event files, read by TensorBoard's own reader. A folder with some is a run.

PyTorch's `add_hparams` writes what a run was trained with into a folder of its own inside the
run's, called by the time; it belongs to the run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.language import Message
from core.runs.origins import Value, number_of, settings_of
from core.transfer.importers.taken import Rows, Taken

BY = "TensorBoard"
FILES = "*tfevents*"
STAMP = re.compile(r"\d{9,}(\.\d+)?")  # `time.time()`, as the name of a folder
HPARAMS = "hparams.yaml"  # that Lightning writes beside the events


def recognises(source: Path) -> bool:
    """Whether a file or a folder holds events."""
    if source.is_file():
        return "tfevents" in source.name
    return source.is_dir() and next(source.rglob(FILES), None) is not None


def runs(source: Path) -> Iterator[Taken]:
    """The runs of a folder and the folders in it, by path; or the one of a file."""
    folders = (
        [source]
        if source.is_file()
        else sorted({path.parent for path in source.rglob(FILES) if path.is_file()})
    )
    inside: dict[Path, list[Path]] = {folder: [] for folder in folders}
    for folder in folders:
        if folder.parent in inside and STAMP.fullmatch(folder.name) and _read(folder).settings:
            inside[folder.parent].append(folder)
            del inside[folder]
    for folder, own in inside.items():
        yield _run(folder, own, source)


@dataclass
class _Events:
    """What one folder's events hold."""

    rows: Rows
    settings: dict[str, Value]


def _run(folder: Path, inside: list[Path], source: Path) -> Taken:
    """The run of a folder, and of those in it that hold its settings and final values."""
    found = _read(folder)
    rows, settings = found.rows, found.settings
    for other in map(_read, inside):
        for tag, columns in other.rows.found.items():
            if tag not in rows.found:  # what was measured while it trained counts
                rows.found[tag] = columns
        settings |= other.settings
    beside = (folder if folder.is_dir() else folder.parent) / HPARAMS
    if beside.is_file():
        settings |= plain_yaml(beside)
    within = folder.relative_to(source).as_posix() if folder != source else "."
    name = folder.name if within == "." else within
    message = Message("TensorBoard does not say how it ended")
    return Taken(f"{folder.resolve()}", name, settings, rows.points(), message=message)


def _read(folder: Path) -> _Events:
    # Imported late: with its protocol buffers it costs a second, and few ever import.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    rows = Rows()
    for tag in events.Tags()["scalars"]:
        for one in events.Scalars(tag):
            rows.add(tag, one.step, one.wall_time, one.value)
    settings: dict[str, Value] = {}
    for tag in events.Tags()["tensors"]:
        plugin = events.SummaryMetadata(tag).plugin_data.plugin_name
        if plugin == "scalars":
            for tensor in events.Tensors(tag):
                value = make_ndarray(tensor.tensor_proto)
                if value.size == 1:
                    rows.add(tag, tensor.step, tensor.wall_time, float(value.reshape(-1)[0]))
        elif plugin == "text" and tag == "settings":
            text = make_ndarray(events.Tensors(tag)[0].tensor_proto).reshape(-1)[0]
            settings |= _exported(text.decode("utf-8", "replace"))
    settings |= _hparams(events)
    return _Events(rows, settings)


def _exported(text: str) -> dict[str, Value]:
    """The settings in a text that this lab's export wrote; none in any other."""
    lines = [line.removeprefix("    ") for line in text.splitlines()]
    try:
        return settings_of(json.loads("\n".join(lines[1:])))
    except ValueError:
        return {}


def _hparams(events: Any) -> dict[str, Value]:
    """What `add_hparams` wrote."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    found: dict[str, Value] = {}
    try:
        contents = events.PluginTagToContent("hparams")
    except KeyError:
        return {}
    for content in contents.values():
        data = HParamsPluginData.FromString(content)
        for name, value in data.session_start_info.hparams.items():
            kind = value.WhichOneof("kind")
            found |= settings_of({name: getattr(value, kind) if kind else None})
    return {name: int(v) if isinstance(v, float) and v.is_integer() else v
            for name, v in found.items()}  # fmt: skip


def plain_yaml(path: Path) -> dict[str, Value]:
    """The `name: value` lines of a YAML file, nested ones by dotted name. Without a YAML reader:
    lists and texts of several lines are kept as they stand."""
    found: dict[str, Value] = {}
    above: list[tuple[int, str]] = []
    for line in path.read_text("utf-8", "replace").splitlines():
        name, colon, value = line.partition(":")
        if not colon or line.lstrip().startswith(("#", "-", "!")) or not name.strip():
            continue
        indent = len(name) - len(name.lstrip())
        above = [one for one in above if one[0] < indent]
        dotted = ".".join([*(word for _, word in above), name.strip().strip("'\"")])
        word = value.strip()
        if not word:
            above.append((indent, name.strip().strip("'\"")))
        elif word[0] in "'\"" and word[-1] == word[0] and len(word) > 1:
            found[dotted] = word[1:-1]
        else:
            found[dotted] = number_of(word)
    return found
