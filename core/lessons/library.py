"""The lessons that there are: those that ship, and a teacher's own.

`ADDNORM_LESSONS` names a folder with further ones, which come after those that ship; of one name
the teacher's is taken.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from pydantic import ValidationError

from core.files import Signature, expanded, signature
from core.lessons.lesson import Lesson
from core.resources import ASSETS

FOLDER = ASSETS / "lessons"
NAME = re.compile(r"\d\d-([a-z]+(?:-[a-z]+)*)")


class LessonError(ValueError):
    """A lesson whose file is wrong; the sentence names the file and the place."""


def read(path: Path) -> Lesson:
    """The lesson of a file. Raises LessonError with its name and what is wrong."""
    found = NAME.fullmatch(path.stem)
    if found is None:
        raise LessonError(f"{path.name}: a lesson is called NN-name.toml")
    try:
        return Lesson(id=found[1], **tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise LessonError(f"{path.name}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise LessonError(f"{path.name}: {where}: {first['msg']}") from error


def lessons() -> Mapping[str, Lesson]:
    """Every lesson by id, in order; own ones that can't be read are left out (:func:`problems`)."""
    return _shipped() | _own(*_stamps())[0]


def problems() -> list[str]:
    """A sentence for each own lesson that can't be read."""
    return _own(*_stamps())[1]


@cache
def _shipped() -> dict[str, Lesson]:
    return {lesson.id: lesson for lesson in map(read, sorted(FOLDER.glob("*.toml")))}


def _stamps() -> list[tuple[Path, Signature | None]]:
    """The files of the folder that ADDNORM_LESSONS names, and what changes with their content."""
    folder = os.environ.get("ADDNORM_LESSONS")
    if not folder:
        return []
    return [(path, signature(path)) for path in sorted(expanded(folder).glob("*.toml"))]


@lru_cache(maxsize=4)
def _own(*stamps: tuple[Path, Signature | None]) -> tuple[dict[str, Lesson], list[str]]:
    found: dict[str, Lesson] = {}
    wrong = []
    for path, _ in stamps:
        try:
            lesson = read(path)
        except (LessonError, OSError, UnicodeError) as error:
            wrong.append(str(error))
        else:
            found[lesson.id] = lesson
    return found, wrong
