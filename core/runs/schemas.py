"""The versions of the files in a run's directory, and how an older file is brought up to date.

Every file says its version, `schema`; one that says none is of version 1. A file of a later release
is neither read nor overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from core.language import Message

SCHEMAS = {
    "config.json": 1,
    "status.json": 1,
    "meta.json": 1,
    "corpus.json": 1,
    "tokenizer.json": 1,
    "source.json": 1,
    "origin.json": 1,
    "switches.json": 1,
    "compiled.json": 1,
    "fork.json": 1,
    "digest.json": 1,
    "events.jsonl": 1,  # each line
    "snapshots": 1,  # each file
}

# What makes the content of a file of one version that of the next: (file, from) -> function.
# A file is brought up to date as it is read, and is written anew only where it would be anyway.
MIGRATIONS: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {}


class NewerSchemaError(ValueError):
    """A file of a later release, which this one neither reads nor overwrites."""


def check(name: str, found: object, file: str = "") -> int:
    """The version that a file says, 1 where it says none. Raises NewerSchemaError.

    `file`: what the sentence calls it, where that is not its name.
    """
    known = SCHEMAS[name]
    version = found if isinstance(found, int) and not isinstance(found, bool) else 1
    if version > known:
        raise NewerSchemaError(
            Message(
                "{file} is of schema {version}, this program reads {known}; use this run"
                " with the release that wrote it",
                file=file or name,
                version=version,
                known=known,
            )
        )
    return version


def current(name: str, content: Any) -> Any:
    """The content of a file in this release's form, without its version. Only objects have one.

    Raises NewerSchemaError.
    """
    if not isinstance(content, dict):
        return content
    version = check(name, content.get("schema", 1))
    content = {field: value for field, value in content.items() if field != "schema"}
    while version < SCHEMAS[name]:
        content = MIGRATIONS[name, version](content)
        version += 1
    return content


def marked(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """The content as it is written into a file: with its version first."""
    return {"schema": SCHEMAS[name], **content}


# Of a snapshot, behind its array and before its checksum, which is of both.
MARK = f"schema {SCHEMAS['snapshots']} ".encode()
MARKED = re.compile(rb"schema (\d+) $")


def of_tail(tail: bytes) -> int:
    """The version at the end of some bytes, 1 where there is none."""
    found = MARKED.search(tail)
    return int(found[1]) if found else 1
