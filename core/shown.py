"""Text that somebody else wrote, as a terminal or a log shows it without obeying it.

Names, notes, paths and texts of a corpus may hold the codes by which a terminal moves its cursor,
changes its title or pastes a command, line breaks that fake a line of ours, and marks that turn the
direction of what follows.
"""

from __future__ import annotations

import json
from typing import Any
from unicodedata import east_asian_width

LONGEST = 1000  # characters of a sentence
JOINERS = "\u200c\u200d"  # which hold letters of some scripts, and emoji, together
SPACES = "\u00a0\u202f\u3000"


def one_line(text: object, most: int = LONGEST) -> str:
    """A text in one line of at most `most` characters, cut in its middle."""
    said = str(text)
    if len(said) > most:
        end = most // 4
        said = f"{said[: most - end - 1]}…{said[-end:] if end else ''}"
    return "".join(map(_plain, said))


def width(text: str) -> int:
    """Columns of a terminal that a text takes: Chinese letters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def padded(text: str, columns: int) -> str:
    """A text with spaces behind it, as wide as so many columns."""
    return text + " " * max(columns - width(text), 0)


def lines(text: str) -> str:
    """A text whose line breaks and tabs stay, and nothing else that a terminal obeys."""
    return "".join(c if c in "\n\t" else _plain(c) for c in text)


def printable_json(value: Any, indent: int | None = None) -> str:
    """JSON of the same value that is safe to print: what is not printable is escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "".join(c if c == "\n" or _is_plain(c) else _in_json(c) for c in text)


def _is_plain(character: str) -> bool:
    return character.isprintable() or character in JOINERS or character in SPACES


def _plain(character: str) -> str:
    return character if _is_plain(character) else ascii(character)[1:-1]


def _in_json(character: str) -> str:
    return json.dumps(character)[1:-1]
