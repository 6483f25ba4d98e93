"""What the buttons of a lesson do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core import jobs
from core.config.alike import differing
from core.language import t
from core.lessons import Lesson, lessons
from core.lessons.readings import WHOLE
from core.runs import Run, RunError
from core.runs.status import ENDED
from core.verdicts.labels import LIVE
from dashboard.address import page
from dashboard.launch.enqueue import PROBLEM, enqueue
from dashboard.learn import model, reading
from dashboard.live.feed import store


def open_lesson(id: str) -> None:
    """Show a lesson, or with "" their list."""
    page.write(model.lesson_param(), id)


def predict(id: str) -> None:
    """Keep what the reader predicts."""
    chosen = st.session_state.get(f"predict_{id}")
    if chosen is not None:
        reading.change(id, predicted=int(chosen))


def chosen_of(lesson: Lesson) -> dict[str, Any]:
    """The values of the controls as they stand, by setting."""
    held = st.session_state
    known = reading.of(lesson.id).chosen
    return {
        one.setting: held.get(control_key(lesson, one.key), known.get(one.setting, one.values[0]))
        for one in lesson.controls
    }


def control_key(lesson: Lesson, key: str) -> str:
    """The key of a control's widget."""
    return f"lesson_{lesson.id}_{key}"


def train(id: str) -> None:
    """Train what the lesson trains; runs of the same settings that are there are kept."""
    lesson = lessons()[id]
    kept, chosen = reading.of(id), chosen_of(lesson)
    began: dict[str, str] = {}
    first: Run | None = None
    for planned in lesson.runs:
        config = lesson.config(planned.name, chosen)
        run = _there(kept.runs.get(planned.name), config.flat())
        if run is None:
            about = {"tags": ["lesson", id], "lesson": id}
            if first is not None and len(differing([first.config.flat(), config.flat()])) == 1:
                about["twin_of"] = first.id
            run = enqueue(config, t(planned.title), False, None, **about)
        if run is None:
            break
        first = first or run
        began[planned.name] = run.id
    if began:
        reading.change(id, runs=began, chosen=chosen, recorded=False, answers={}, done=False)


def _there(id: str | None, flat: Mapping[str, Any]) -> Run | None:
    """A run of these settings that need not be trained again."""
    if id is None:
        return None
    try:
        run = store().open(id)
        same = run.config.flat() == flat
    except RunError:
        return None
    return run if same and run.status in (*WHOLE, *LIVE) else None


def read_recorded(id: str) -> None:
    """Show the runs that ship."""
    reading.change(id, recorded=True, answers={}, done=False)


def own_runs(id: str) -> None:
    """Go back from the recorded runs to one's own."""
    reading.change(id, recorded=False, answers={}, done=False)


def stop(id: str) -> None:
    """End the lesson's runs."""
    for run in model.shown(lessons()[id], reading.of(id), frozenset(), store()).runs.values():
        if run.status not in ENDED:
            try:
                jobs.control(store(), run, "stop")
            except RunError as error:
                st.session_state[PROBLEM] = t(error)


def answer(id: str, place: int, key: str) -> None:
    """Keep the answer that the widget of that key holds; with the last one the lesson is done.

    Read now: a number that was typed arrives together with the press on the button.
    """
    given = st.session_state.get(key)
    if given is None:
        return
    answers = {**reading.of(id).answers, place: given}
    done = len(answers) == len(lessons()[id].ask)
    reading.change(id, answers=answers, done=done or reading.of(id).done)


def anew(id: str) -> None:
    """Begin the lesson from the start."""
    reading.forget(id)
    for key in [one for one in st.session_state if f"_{id}" in str(one)]:
        del st.session_state[key]
