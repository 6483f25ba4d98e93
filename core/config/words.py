"""Values of settings as people read them. Below everything that names runs or grids."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from core.config import overrides
from core.config.alike import FORK, SCHEDULE
from core.config.run import settings
from core.language import Message, mark

PATHS = ("data.path", "data.tokenizer_file")


def format_value(value: Any, empty: str = "none", grouped: bool = False) -> str:
    """A setting's value as people read it: `on`, `0.001`, `1: norm=rms`, layers counted from 1.

    `empty` stands for no value and an empty list; `grouped` writes 12000 as 12,000.
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int) and grouped:
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return overrides.text(value, people=True) or empty
    return str(value) if value not in ("", None) else empty


def file_name(dotted: str, value: Any) -> Any:
    """An own text's path as its file's name: where the server keeps it helps nobody."""
    return PurePath(str(value)).name if dotted in PATHS and value else value


def title_of(dotted: str) -> str:
    """A setting's title; the schedule's holds for switches that were turned by hand too."""
    if dotted == SCHEDULE:
        return mark("Switches while training")
    if dotted == FORK:
        return mark("Starts from")
    found = settings().get(dotted)
    return str(found.title) if found is not None else dotted


def title_in_sentence(dotted: str) -> Message:
    """A setting's title as it stands within a sentence: `warm-up`; names such as QK keep theirs."""
    known = settings()
    return Message.within_sentence(str(known[dotted].title) if dotted in known else dotted)


def words_of(values: Mapping[str, Any]) -> str:
    """Settings by dotted name with their values: `residual off, placement post, depth 12`."""
    return ", ".join(
        f"{dotted.split('.')[1].replace('_', ' ')} {format_value(value)}"
        for dotted, value in values.items()
    )
