"""W&B's offline files (`run-ID.wandb`), without W&B.

The file is a header and a log as LevelDB writes it: blocks of 32 KiB with records of a checksum, a
length and a type, in which a message that does not fit goes on in the next. Each message is a
protocol buffer, `Record` of wandb_internal.proto, of which five kinds are read here: run, config,
history, exit and, in older files, history items by key alone. The encoding is that of
https://protobuf.dev/programming-guides/encoding/, the log's that of
https://github.com/google/leveldb/blob/main/doc/log_format.md.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.language import Message
from core.runs.origins import settings_of
from core.transfer.importers.taken import ImportRefusedError, Rows, Taken
from core.transfer.importers.trackio_store import numbers

BY = "W&B"
HEAD = b":W&B"
BLOCK, HEADER = 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
# Numbers of fields in wandb_internal.proto.
HISTORY, CONFIG, RUN, EXIT = 2, 5, 17, 18
RUN_ID, PROJECT, RUN_CONFIG, NAME, NOTES, TAGS, BEGAN = 1, 3, 4, 8, 9, 10, 17
KEY, NESTED, VALUE = 1, 2, 16
HIDDEN = "_"  # begins what W&B itself keeps


def recognises(source: Path) -> bool:
    """Whether a file is one of W&B, or a folder holds some."""
    return bool(_files(source))


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source] if source.suffix == ".wandb" or _head(source) == HEAD else []
    patterns = ("*.wandb", "*/*.wandb", "*/*/*.wandb")
    found = {path.resolve() for pattern in patterns for path in source.glob(pattern)}
    return sorted(found)  # `latest-run` is a link to one of the others


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(len(HEAD))


def runs(source: Path) -> Iterator[Taken]:
    """The runs, one a file, in the order of their names, which begin with their times."""
    for path in _files(source):
        yield _run(path)


def _run(path: Path) -> Taken:
    about: dict[int, list[Any]] = {}
    config: dict[str, Any] = {}
    rows = Rows()
    code: int | None = None
    began = None
    for record in records(path):
        fields = decoded(record)
        for run in fields.get(RUN, ()):
            about = decoded(run) or about
            for one in about.get(RUN_CONFIG, ()):
                _update(config, one)
            for time in about.get(BEGAN, ()):
                began = _seconds(time)
        for one in fields.get(CONFIG, ()):
            _update(config, one)
        for history in fields.get(HISTORY, ()):
            _history(history, rows)
        for one in fields.get(EXIT, ()):
            code = int(decoded(one).get(1, [0])[0])
    if not about:
        raise ImportRefusedError(
            Message("{file} holds no run; it ended before W&B wrote what it is", file=path)
        )
    id = _text(about, RUN_ID) or path.stem
    settings = {key: value for key, value in config.items() if not key.startswith(HIDDEN)}
    message = Message("its file has no end: the program was cut off, or was still at work")
    if code is not None:
        message = Message("it ended with code {code}", code=code) if code else Message("")
    return Taken(
        f"{_text(about, PROJECT)}/{id}",
        _text(about, NAME) or id,
        settings_of(settings),
        rows.points(began),
        "stopped" if code is None else "failed" if code else "finished",
        message,
        tuple(tag.decode("utf-8", "replace") for tag in about.get(TAGS, ())),
        _text(about, NOTES),
    )


def _text(fields: dict[int, list[Any]], number: int) -> str:
    found = fields.get(number, [b""])[-1]
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""


def _seconds(time: bytes) -> float:
    fields = decoded(time)
    return float(fields.get(1, [0])[0]) + float(fields.get(2, [0])[0]) / 1e9


def _items(message: bytes) -> Iterator[tuple[list[str], Any]]:
    """The names and values of a config's updates or a history's items."""
    for item in decoded(message).get(1, ()):
        fields = decoded(item)
        names = [one.decode("utf-8", "replace") for one in fields.get(NESTED, ())]
        names = names or [_text(fields, KEY)]
        try:
            yield names, json.loads(_text(fields, VALUE) or "null")  # NaN and Infinity too
        except ValueError:
            continue


def _update(config: dict[str, Any], message: bytes) -> None:
    for names, value in _items(message):
        level = config
        for name in names[:-1]:
            inner = level.get(name)
            level[name] = inner if isinstance(inner, dict) else {}
            level = level[name]
        level[names[-1]] = value
    for item in decoded(message).get(2, ()):  # removed
        config.pop(_text(decoded(item), KEY), None)


def _history(message: bytes, rows: Rows) -> None:
    found = {".".join(names): value for names, value in _items(message)}
    step = decoded(decoded(message).get(2, [b""])[0]).get(1, [0])[0]
    step, when = found.get("_step", step), found.get("_timestamp")
    if not isinstance(step, int | float):
        return
    for name, value in numbers({k: v for k, v in found.items() if not k.startswith(HIDDEN)}):
        rows.add(name, step, when if isinstance(when, int | float) else 0.0, value)


# The file


def records(path: Path) -> Iterator[bytes]:
    """The messages of a file, without damaged ones, up to its end or to what was cut off.

    Raises ImportRefusedError for a file that is none of W&B.
    """
    with open(path, "rb") as file:
        data = file.read()
    if not data.startswith(HEAD):
        raise ImportRefusedError(
            Message("{file} is none of W&B's offline files: it does not begin with :W&B", file=path)
        )
    at = HEADER
    parts: bytes | None = None
    while at + HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEADER:
            at += left
            continue
        check, length, kind = struct.unpack_from("<IHB", data, at)
        body = data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if len(body) < length or kind not in (FULL, FIRST, MIDDLE, LAST):
            return  # cut off
        whole = zlib.crc32(bytes([kind]) + body) == check
        if kind in (FULL, FIRST):
            parts = body if whole else None
        elif parts is not None:  # of a message whose beginning can be read
            parts = parts + body if whole else None
        if kind in (FULL, LAST) and parts is not None:
            yield parts


def decoded(message: bytes) -> dict[int, list[Any]]:
    """A protocol buffer's fields by number, whole numbers or bytes, without what is cut off."""
    found: dict[int, list[Any]] = {}
    at = 0
    try:
        while at < len(message):
            tag, at = _varint(message, at)
            number, kind = tag >> 3, tag & 7
            if kind == 0:
                value: Any
                value, at = _varint(message, at)
            elif kind == 2:
                length, at = _varint(message, at)
                value, at = message[at : at + length], at + length
                if len(value) < length:
                    break
            elif kind in (1, 5):
                size = 8 if kind == 1 else 4
                value, at = message[at : at + size], at + size
            else:
                break
            found.setdefault(number, []).append(value)
    except IndexError:
        pass
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
