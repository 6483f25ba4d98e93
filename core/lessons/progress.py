"""How far readers are: a small file for each in the runs folder, `.lessons/<reader>.json`.

It says what was predicted and answered, and which runs of the folder are the reader's, so that a
reload or another start of the dashboard finds them.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.files import make_private, read_json, write_json

FOLDER = ".lessons"
MOST = 200  # lessons in a file: what an older or later release has stays


class Kept(BaseModel):
    """What is known of one lesson: places of options count from 0.

    `runs` are ids by their names in the lesson; with `recorded` it is read on those that ship.
    `answers` are places of options or numbers, by the question's place; `chosen` are values of
    controls by setting.
    """

    model_config = ConfigDict(frozen=True)

    predicted: int | None = None
    chosen: dict[str, Any] = Field(default_factory=dict)
    runs: dict[str, str] = Field(default_factory=dict)
    recorded: bool = False
    answers: dict[int, float] = Field(default_factory=dict)
    done: bool = False


class _File(BaseModel):
    schema_: Literal[1] = Field(1, alias="schema")
    lessons: dict[str, Kept] = Field(default_factory=dict, max_length=MOST)


class Progress:
    """The progress of one reader; `reader` is whatever tells them apart, "" where nothing does."""

    def __init__(self, root: Path, reader: str = "") -> None:
        name = hashlib.sha256(reader.encode()).hexdigest()[:32] if reader else "everyone"
        self.path = root / FOLDER / f"{name}.json"

    def all(self) -> dict[str, Kept]:
        """What is kept of each lesson by its id; {} where there is no file, or a damaged one."""
        try:
            return dict(_File.model_validate(read_json(self.path)).lessons)
        except (OSError, ValueError, ValidationError):
            return {}

    def of(self, lesson: str) -> Kept:
        """What is kept of a lesson."""
        return self.all().get(lesson, Kept())

    def change(self, lesson: str, **changes: Any) -> Kept:
        """Keep something of a lesson; what can't be written is forgotten with the tab."""
        known = self.all()
        kept = Kept.model_validate({**known.get(lesson, Kept()).model_dump(), **changes})
        told = _File(lessons={**known, lesson: kept})
        with contextlib.suppress(OSError):
            make_private(self.path.parent.parent)
            make_private(self.path.parent)
            write_json(self.path, told.model_dump(by_alias=True, mode="json"))
        return kept

    def forget(self, lesson: str) -> None:
        """Begin a lesson anew; its runs stay in the folder."""
        self.change(lesson, **Kept().model_dump())
