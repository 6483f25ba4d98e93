"""Runs of lessons that ship, for who can't wait: what their charts and facts need of real runs.

Run directories like any other, in a folder of their own; nobody writes there.
`python -m tests.recorded_lessons --record` makes them.
"""

from __future__ import annotations

from functools import cache

from core.lessons.lesson import Lesson
from core.lessons.library import FOLDER as LESSONS
from core.runs import Run, RunError, RunStore

FOLDER = LESSONS / "recorded"
MARK = "recorded-"


def id_of(lesson: str, run: str) -> str:
    """The id of a lesson's recorded run."""
    return f"{MARK}{lesson}-{run}"


def is_recorded(id: str) -> bool:
    """Whether an id may be that of a recorded run; those of other runs begin with their time."""
    return id.startswith(MARK)


@cache
def store() -> RunStore:
    """The folder of recorded runs."""
    return RunStore(FOLDER)


def opened(id: str) -> Run:
    """A recorded run. Raises RunError where there is none."""
    return store().open(id)


def runs_of(lesson: Lesson) -> dict[str, Run]:
    """The recorded runs of a lesson by their names in it; {} where not all of them ship."""
    try:
        return {one.name: opened(id_of(lesson.id, one.name)) for one in lesson.runs}
    except RunError:
        return {}
