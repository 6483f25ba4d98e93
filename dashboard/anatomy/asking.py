"""Asking a trained network, and what the page shows until it has answered."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from core.jobs import inspections
from core.jobs.inspections import Inspection
from core.language import t
from core.runs import Run, RunError
from dashboard.catalogue.run_names import name_of
from dashboard.components import anatomy
from dashboard.live.feed import store
from dashboard.ui import cards, changes

Asked = tuple[Inspection, Run]


def standing(run: Run, kind: str, step: int, start: bool = True, **parameters: Any) -> Asked | None:
    """A question as it stands; asked now if nobody has and `start` says so.

    What was cancelled or has failed stays so until somebody asks again. None, and a sentence on the
    page, where the run can't have an answer; None without a sentence where it was not asked.
    """
    try:
        found = inspections.look(run, kind, step, **parameters)
        if found is None and start:
            found = inspections.ask(store(), run, kind, step, **parameters)
    except RunError as error:
        cards.problem(t("{run}: {error}", run=name_of(run), error=error))
        return None
    return (found, run) if found is not None else None


def ask(run: Run, kind: str, step: int, **parameters: Any) -> Asked | None:
    """Put a question, also one that was cancelled or has failed; for a button."""
    try:
        return inspections.ask(store(), run, kind, step, **parameters), run
    except RunError as error:
        cards.problem(t("{run}: {error}", run=name_of(run), error=error))
        return None


def done(asked: Sequence[Asked | None]) -> list[tuple[Run, dict[str, Any], Inspection]]:
    """Those that are answered."""
    found = []
    for inspection, run in filter(None, asked):
        if inspection.state == "done":
            try:
                found.append((run, inspection.result, inspection))
            except RunError:
                continue  # deleted between two looks
    return found


def open_questions(asked: Sequence[Asked | None]) -> list[Asked]:
    """Those that wait, are at work, were cancelled or failed."""
    return [one for one in asked if one is not None and one[0].state != "done"]


def wait(asked: Sequence[Asked | None], key: str, label: str, height: int | None = None) -> bool:
    """Show where open questions stand; True while none is answered and the place is theirs."""
    waiting = open_questions(asked)
    nothing = not done(asked)
    # Always there, so that what comes below keeps its place in the page, and with it its zoom.
    with st.container(key=f"slot_{key}"):
        if not waiting:
            return nothing
        with cards.card(key):
            anatomy.progress(
                waiting, key=f"asked_{key}", label=label, height=height if nothing else None
            )
    return nothing


def by_button(shown: Sequence[tuple[Run, int]], kind: str, **parameters: Any) -> list[Asked | None]:
    """The question asked before, or asked now because its button was pressed."""
    if st.session_state.pop(f"pressed_{kind}", False):
        return [ask(run, kind, step, **parameters) for run, step in shown]
    return [standing(run, kind, step, start=False, **parameters) for run, step in shown]


def press(kind: str) -> None:
    """The button of a kind was pressed; it is asked when the page comes to it."""
    st.session_state[f"pressed_{kind}"] = True


def button(kind: str, label: str, time: str, primary: bool = False) -> None:
    """The button that asks, and how long the answer takes."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        changes.button(
            label, key=f"ask_{kind}", on_click=press, args=(kind,),
            type="primary" if primary else "secondary",
        )  # fmt: skip
        st.html(f'<span class="choice">{escape(time)}</span>', width="content")


def offered(
    asked: Sequence[Asked | None], kind: str, title: str, text: str, label: str, time: str
) -> bool:
    """Whether there is something to show: else a card that says what would be here, or how far it
    is. A run that was not asked yet, because it was chosen later, gets the button too."""
    waiting, answered = open_questions(asked), done(asked)
    with st.container(key=f"slot_{kind}"):  # always there; see `wait`
        if answered and not waiting and None not in asked:
            return True
        with cards.card(kind):
            if not any(asked):
                cards.empty(title, text)
            if waiting:
                anatomy.progress(waiting, key=f"asked_{kind}", label=title[:1].lower() + title[1:])
            if None in asked:
                button(kind, label, time)
    return bool(answered)
