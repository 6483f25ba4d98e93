"""What happened in a run: `events.jsonl`, one JSON object a line, each with its CRC32."""

from __future__ import annotations

import json
import os
import threading
import zlib
from pathlib import Path
from typing import Any, TypeGuard

from core.files import Signature, append_whole, parse_json, read_bytes, signature
from core.language import Message, said
from core.runs import schemas

Event = dict[str, Any]


def append_event(path: Path, event: Event) -> None:
    """Add one event (a flat JSON object with `kind` and `step`) to `events.jsonl`.

    Beside a `text` that is a message stands what it was made from, so that a reader can say it in
    another language.
    """
    kept = schemas.marked("events.jsonl", {**event, **said(event.get("text", ""))})
    line = (json.dumps({**kept, "crc32": _sum(kept)}, ensure_ascii=False) + "\n").encode()
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
    fd = os.open(path, flags, 0o644)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":  # the last writer was killed at it
            line = b"\n" + line
        append_whole(fd, line)
    finally:
        os.close(fd)


def _sum(event: Event) -> int:
    """What an event is checked against, whatever the order of its fields."""
    return zlib.crc32(json.dumps(event, sort_keys=True).encode())


class EventLog:
    """The events of one run; of a file that grows only what was added is parsed.

    A long run has thousands of them, and its pages ask each second. Threads may share it.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: Signature | None = None
        self._read = 0  # bytes, of whole lines
        self._sum = 0  # of these bytes: where they are others now, all is read again
        self._events: list[Event] = []  # of these bytes
        self._all: list[Event] = []  # with a last line that is not ended

    def read(self) -> list[Event]:
        """All events in order. Torn lines are left out, and what a resumed run did anew counts
        once.

        A `start` event marks each start of the run: events of earlier starts from its step on are
        forgotten, as the metrics of an earlier segment are.
        """
        stamp = signature(self._path)
        with self._lock:
            if stamp is None or stamp != self._stamp:
                self._take()
                self._stamp = stamp
            return self._all

    def _take(self) -> None:
        try:
            data = read_bytes(self._path)
        except OSError:
            data = b""
        if zlib.crc32(data[: self._read]) != self._sum:
            self._read, self._sum, self._events = 0, 0, []
        end = data.rfind(b"\n") + 1
        if end > self._read:
            added = data[self._read : end]
            self._events = _followed(self._events, added)
            self._read, self._sum = end, zlib.crc32(added, self._sum)
        self._all = _followed(self._events, data[end:])


def _followed(events: list[Event], lines: bytes) -> list[Event]:
    """Events, and those of some lines more, as a list of its own."""
    events = list(events)
    for line in lines.split(b"\n"):
        event = _event(line)
        if event is None:
            continue
        if event["kind"] == "start":
            events = [e for e in events if e["step"] < event["step"]]
        events.append(event)
    return events


def _event(line: bytes) -> Event | None:
    """What a line holds; None where it is torn, damaged, or of a later release."""
    try:
        found = parse_json(line)
        known = found.pop("crc32", None) if isinstance(found, dict) else None
        if known is not None and known != _sum(found):
            return None  # a bit of it is another
        event = schemas.current("events.jsonl", found)
    except ValueError:
        return None
    if not _is_event(event):
        return None
    if (kept := event.pop("said", None)) and "text" in event:
        event["text"] = Message.restored(kept, event["text"])
    return event


# What readers take for granted of the fields of an event, where it has them.
EVENT_TYPES = {"kind": str, "step": int, "segment": int, "text": str, "level": str, "name": str}


def _is_event(event: Any) -> TypeGuard[Event]:
    """Whether a line of `events.jsonl` holds an event of the types that its readers expect."""
    return (
        isinstance(event, dict)
        and "kind" in event
        and "step" in event
        and all(
            isinstance(event[name], kind) and not isinstance(event[name], bool)
            for name, kind in EVENT_TYPES.items()
            if name in event
        )
    )
