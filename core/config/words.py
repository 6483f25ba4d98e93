"""Values of settings as people read them. Below everything that names runs or grids."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from core.config import overrides
from core.config.alike import SCHEDULE
from core.config.run import settings


def said(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return overrides.text(value, people=True) or "none"
    return str(value) if value not in ("", None) else "none"


def file_name(dotted: str, value: Any) -> Any:
    """An own text's path as its file's name: where the server keeps it helps nobody."""
    return PurePath(str(value)).name if dotted == "data.path" and value else value


def title_of(dotted: str) -> str:
    """A setting's own title; of switches one that is true of those by hand too."""
    if dotted == SCHEDULE:
        return "Switches while training"
    found = settings().get(dotted)
    return str(found.title) if found is not None else dotted


def words_of(values: Mapping[str, Any]) -> str:
    """Settings by dotted name with their values: `residual off, placement post, depth 12`."""
    return ", ".join(
        f"{dotted.split('.')[1].replace('_', ' ')} {said(value)}"
        for dotted, value in values.items()
    )
