"""SQLite files of other programs, opened to be read and never written."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

HEAD = b"SQLite format 3\x00"


def is_database(path: Path) -> bool:
    """Whether a file is one of SQLite."""
    try:
        with open(path, "rb") as file:
            return file.read(len(HEAD)) == HEAD
    except OSError:
        return False


def opened(path: Path) -> sqlite3.Connection:
    """The file, read-only. Raises sqlite3.Error."""
    return sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)


def tables(path: Path) -> set[str]:
    """The names of its tables; none of what is no database."""
    if not is_database(path):
        return set()
    try:
        with contextlib.closing(opened(path)) as base:
            return {name for (name,) in base.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error:
        return set()
