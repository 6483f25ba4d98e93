"""What the Learn page shows: the lessons and how far the reader is, or one lesson. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from core.lessons import Lesson, lessons, recorded
from core.lessons.progress import Kept
from core.lessons.result import Result, result
from core.runs import Run, RunError, RunStore
from core.runs.status import ENDED
from core.verdicts.labels import LIVE
from dashboard.address.param import Param, among, several

# Parts of a lesson that a teacher's link can hide; beside them each control by its key.
PARTS = ("lessons", "controls", "recorded", "theory", "settings", "export", "link")
Step = Literal["predict", "run", "see", "explain", "ask"]
STEPS: tuple[Step, ...] = ("predict", "run", "see", "explain", "ask")
State = Literal["new", "begun", "done"]


def lesson_param() -> Param[str]:
    """The lesson that is open; "" is their list."""
    return Param("lesson", "", among(lessons()))


def hidden_param() -> Param[list[str]]:
    """What is hidden of it."""
    controls = (one.key for lesson in lessons().values() for one in lesson.controls)
    words = tuple(dict.fromkeys((*PARTS, *controls)))
    return Param("hide", [], several(words))


@dataclass(frozen=True)
class Shown:
    """A lesson as it stands for a reader: what was kept of it, and its runs that are there."""

    lesson: Lesson
    kept: Kept
    hidden: frozenset[str]
    runs: Mapping[str, Run]

    @property
    def whole(self) -> bool:
        """Whether each of its runs is there."""
        return len(self.runs) == len(self.lesson.runs)

    @property
    def under_way(self) -> bool:
        """Whether one of them waits or trains."""
        return any(run.status in LIVE for run in self.runs.values())

    @property
    def ended(self) -> bool:
        """Whether all of them have come to an end, a good or a bad one."""
        return self.whole and all(run.status in ENDED for run in self.runs.values())

    @cached_property
    def result(self) -> Result:
        """What its runs show so far."""
        return result(self.lesson, self.runs)

    @property
    def step(self) -> Step:
        """What is to be done next."""
        if self.kept.predicted is None and not self.runs:
            return "predict"
        if not self.runs:
            return "run"
        if not self.ended:
            return "see"
        return "ask"

    @property
    def has_recorded(self) -> bool:
        """Whether its runs ship."""
        return bool(recorded.runs_of(self.lesson))

    def hides(self, *parts: str) -> bool:
        """Whether the link hides one of these."""
        return not self.hidden.isdisjoint(parts)

    @property
    def next(self) -> Lesson | None:
        """The lesson after it."""
        every = list(lessons().values())
        place = every.index(self.lesson) + 1
        return every[place] if place < len(every) else None


def shown(lesson: Lesson, kept: Kept, hidden: frozenset[str], store: RunStore) -> Shown:
    """A lesson with the runs that are kept for the reader and not deleted, or the recorded ones."""
    if kept.recorded:
        return Shown(lesson, kept, hidden, recorded.runs_of(lesson))
    runs = {}
    for planned in lesson.runs:
        try:
            run = store.open(kept.runs[planned.name])
            run.config  # noqa: B018 - reading it is the check
            runs[planned.name] = run
        except (KeyError, RunError):
            continue
    return Shown(lesson, kept, hidden, runs)


def state_of(kept: Kept | None) -> State:
    """How far a reader is with a lesson."""
    if kept is None or (kept.predicted is None and not kept.runs and not kept.recorded):
        return "new"
    return "done" if kept.done else "begun"
