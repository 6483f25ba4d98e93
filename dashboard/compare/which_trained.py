"""Which trained: the card that lays out runs by two of their settings, and steers a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from core.catalogue.entry import Entry
from core.config.describe import short_title
from core.jobs import grids as jobs
from core.jobs.grid_progress import goes_on, progress
from core.jobs.queue import run_queue
from core.runs import RunError
from dashboard.address import page
from dashboard.address.param import word
from dashboard.compare import matrix, outcomes
from dashboard.components.onto_page import mount
from dashboard.launch.grid_dialog import CHOSEN, PROBLEM
from dashboard.live.feed import store
from dashboard.ui import cards

LISTED = "all listed runs"
ALONE = "one column"


def card(
    runs: Sequence[Entry],
    listed: Sequence[Entry] | None = None,
    on_cell: Callable[[list[str]], None] | None = None,
    **layout: Any,
) -> bool:
    """The matrix of a grid among `runs`, or of the `listed` runs; False where nothing differs.

    A press on a cell chooses its runs in the browser (`hub.choose`) and calls `on_cell` with their
    ids before the page is drawn anew.
    """
    given = runs if listed is None else listed
    listed = [entry for entry in given if not entry.rewired]
    among = _grids(runs)
    if not among and not matrix.axes(listed):
        return False
    with cards.card("which_trained", **layout):
        with st.container(horizontal=True, key="grid_controls", gap="small"):
            chosen = _choose_grid(among) if among else LISTED
            shown = given if chosen == LISTED else [e for e in runs if e.meta.get("grid") == chosen]
            rewired = sum(entry.rewired for entry in shown)
            shown = [entry for entry in shown if not entry.rewired]
            defined = {} if chosen == LISTED else jobs.definition(store(), chosen)
            found = matrix.axes(shown, defined.get("axes", ()))
            down, across = _choose_axes(found) if found else ("", None)
            if chosen != LISTED:
                _steering(chosen)
        if sentence := st.session_state.pop(PROBLEM, ""):
            cards.problem(sentence)
        if found:
            _matrix(shown, chosen, found, (down, across), defined, on_cell)
        else:
            cards.empty("Nothing to lay out", "These runs do not differ in any setting.")
        if rewired:
            st.html(f'<span class="card-note">{_left_out(rewired)}</span>')
    return True


def _left_out(count: int) -> str:
    """What is said of runs whose network changed while they trained."""
    runs = "1 run that was" if count == 1 else f"{count} runs that were"
    return f"{runs} rewired while training: in no cell, as no setting describes the whole run."


def _grids(runs: Sequence[Entry]) -> dict[str, str]:
    """The grids among runs by id, newest first, each with a name that no other has."""
    found = {str(e.meta["grid"]): str(e.meta.get("grid_name")) for e in runs if e.meta.get("grid")}
    names = list(found.values())
    return {
        id: name if names.count(name) == 1 and name != LISTED else f"{name} · {id[4:15]}"
        for id, name in sorted(found.items(), reverse=True)
    }


def _choose_grid(among: Mapping[str, str]) -> str:
    remembered = st.session_state
    if remembered.get(CHOSEN) in among:  # one that was just started
        remembered["grid_choice"] = remembered.pop(CHOSEN)
    return _select("Grid", "grid_choice", {**among, LISTED: LISTED}, 0, 190)


def _choose_axes(found: Mapping[str, Sequence[Any]]) -> tuple[str, str | None]:
    """The settings down and across, as the reader chose them; never the same one twice."""
    first, second = matrix.default_axes(found)
    names = {dotted: short_title(dotted) for dotted in found}
    down = _select("Rows", "grid_rows", names, list(names).index(first), 130)
    st.html('<span class="choice">by</span>', width="content")
    others = {**{d: title for d, title in names.items() if d != down}, ALONE: ALONE}
    default = second if second in others else next(iter(others))
    place = list(others).index(default)
    across = _select("Columns", "grid_columns", others, place, 130)
    return down, None if across == ALONE else across


def _select(title: str, key: str, words: Mapping[str, str], first: int, width: int) -> str:
    """A choice that the address keeps, in the words that it shows."""
    said = list(words.values())
    page.read(word(key, said, said[first]))
    return st.selectbox(
        title,
        list(words),
        first,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
        format_func=words.__getitem__,
        width=width,
    )


def _steering(id: str) -> None:
    """Pause, resume and cancel, each only while it can do something."""
    try:
        now = progress(store(), id)
    except RunError:
        return  # its runs were deleted this very moment
    if now["training"] or now["waiting"]:
        st.button("Pause", key="grid_pause", on_click=_steer, args=(jobs.pause, id))
    if now["paused"] or now["stopped"]:
        st.button("Resume", key="grid_resume", on_click=_steer, args=(jobs.resume, id))
    if goes_on(now):
        st.button("Cancel", key="grid_cancel", on_click=_steer, args=(jobs.cancel, id))


def _steer(act: Callable[..., None], id: str) -> None:
    try:
        act(store(), id)
    except (RunError, OSError) as error:
        st.session_state[PROBLEM] = str(error)


def _matrix(
    shown: Sequence[Entry],
    chosen: str,
    found: Mapping[str, Sequence[Any]],
    settings: tuple[str, str | None],
    defined: Mapping[str, Any],
    on_cell: Callable[[list[str]], None] | None,
) -> None:
    down, across = settings
    rows, columns = found[down], found[across] if across else [""]
    members = [matrix.row(entry) for entry in shown]
    entropies = [e.summary.verdict.entropy for e in shown if e.summary.verdict.entropy]

    def press() -> None:
        pressed = st.session_state["which_trained"].get("cell")
        if pressed and on_cell:
            on_cell(list(pressed["ids"]))

    mount(
        "matrix",
        "which_trained",
        None,
        {
            "title": matrix.title(shown),
            "subtitle": matrix.subtitle(found, down, across),
            "unit": f"final validation loss, {outcomes.unit(shown, 'loss/validation')}",
            "rows": [matrix.label(down, value) for value in rows],
            "columns": [matrix.label(across, value) if across else "" for value in columns],
            "cells": matrix.judged(
                matrix.cells(shown, (down, rows), (across, columns), defined.get("impossible", ())),
                matrix.outcomes(shown, run_queue(store()).held()),
            ),
            "members": members,
            "runs": [
                {"id": one["id"], "state": one["state"]} for one in members if one["kind"] == "live"
            ],
            "grid": "" if chosen == LISTED else chosen,
            "dead": max(entropies, default=None),
        },
        on_cell_change=press,
    )
