"""Which trained: the card that lays out runs by two of their settings, and steers a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from core.catalogue import comparable
from core.catalogue.comparable import factor
from core.catalogue.entry import Entry
from core.config.describe import short_title
from core.jobs import grids as jobs
from core.jobs.grid_progress import goes_on, progress
from core.jobs.queue import run_queue
from core.language import Message, mark, t
from core.metrics.derived import BITS_PER_BYTE
from core.metrics.names import unit_of
from core.runs import RunError
from core.verdicts.judgement import WINDOW
from dashboard.address.widgets import selection
from dashboard.compare import matrix, outcomes
from dashboard.components.onto_page import mount
from dashboard.launch.grid_dialog import CHOSEN, PROBLEM
from dashboard.live.feed import store
from dashboard.ui import cards, changes

LISTED = mark("all listed runs")
ALONE = mark("one column")


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
            cards.empty(t("Nothing to lay out"), t("These runs do not differ in any setting."))
        if rewired:
            st.html(f'<span class="card-note">{_left_out(rewired)}</span>')
    return True


def _left_out(count: int) -> str:
    """What is said of runs whose network changed while they trained."""
    return t(
        "{n} run that was rewired while training: in no cell, as no setting describes the whole"
        " run.",
        "{n} runs that were rewired while training: in no cell, as no setting describes the whole"
        " run.",
        n=count,
    )


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
    shown, said = {**among, LISTED: t(LISTED)}, {**among, LISTED: LISTED}
    return _select("grid_choice", t("Grid"), shown, said, width=190)


def _choose_axes(found: Mapping[str, Sequence[Any]]) -> tuple[str, str | None]:
    """The settings down and across, as the reader chose them; never the same one twice."""
    first, second = matrix.default_axes(found)
    said = {**{dotted: short_title(dotted) for dotted in found}, ALONE: ALONE}
    shown = {dotted: t(title) for dotted, title in said.items()}
    names = {dotted: shown[dotted] for dotted in found}
    down = _select("grid_rows", t("Rows"), names, said, first)
    st.html(f'<span class="choice">{t("by")}</span>', width="content")
    others = {dotted: title for dotted, title in shown.items() if dotted != down}
    told = next(name for name in others if not name.startswith(matrix.QUIET))
    default = second if second in others else told
    across = _select("grid_columns", t("Columns"), others, said, default)
    return down, None if across == ALONE else across


def _select(
    key: str,
    title: str,
    shown: Mapping[str, str],
    said: Mapping[str, str],
    default: str | None = None,
    width: int = 130,
) -> str:
    """A choice that the address keeps in the words `said`."""
    return selection(key, title, shown, default, said, label_visibility="collapsed", width=width)


def _steering(id: str) -> None:
    """Pause, resume and cancel, each only while it can do something."""
    try:
        now = progress(store(), id)
    except RunError:
        return  # its runs were deleted this very moment
    if now["training"] or now["waiting"]:
        changes.button(t("Pause"), key="grid_pause", on_click=_steer, args=(jobs.pause, id))
    if now["paused"] or now["stopped"]:
        changes.button(t("Resume"), key="grid_resume", on_click=_steer, args=(jobs.resume, id))
    if goes_on(now):
        changes.button(t("Cancel"), key="grid_cancel", on_click=_steer, args=(jobs.cancel, id))


def _steer(act: Callable[..., None], id: str) -> None:
    try:
        act(store(), id)
    except (RunError, OSError) as error:
        st.session_state[PROBLEM] = t(error)


def _matrix(
    shown: Sequence[Entry],
    chosen: str,
    found: Mapping[str, Sequence[Any]],
    settings: tuple[str, str | None],
    defined: Mapping[str, Any],
    on_cell: Callable[[list[str]], None] | None,
) -> None:
    def press() -> None:
        pressed = st.session_state["which_trained"].get("cell")
        if pressed and on_cell:
            on_cell(list(pressed["ids"]))

    told = view(shown, "" if chosen == LISTED else chosen, found, settings, defined)
    mount("matrix", "which_trained", None, told, on_cell_change=press)


def numbers(shown: Sequence[Entry], unit: str | None) -> str:
    """What the numbers of the cells are: which losses, and their unit where it is known."""
    has = {entry.summary.validation is not None for entry in shown if not entry.alive}
    if False not in has:
        told = Message("final validation loss")
    elif True in has:
        told = Message(
            "final validation loss, else the mean of the last {window} training losses",
            window=WINDOW,
        )
    else:
        told = Message("mean of the last {window} training losses", window=WINDOW)
    return t(Message("{loss}, {unit}", loss=told, unit=Message(unit)) if unit else told)


def view(
    shown: Sequence[Entry],
    grid: str,
    found: Mapping[str, Sequence[Any]],
    settings: tuple[str, str | None],
    defined: Mapping[str, Any],
) -> dict[str, Any]:
    """What the matrix is told: the runs laid out by two `settings` of those `found`.

    `grid` is the id of the grid that they are, empty where they are none; `defined` what its
    definition says.
    """
    down, across = settings
    rows, columns = found[down], found[across] if across else [""]
    members = [matrix.row(entry) for entry in shown]
    in_bits = comparable.in_bits(shown)
    entropies = [known * factor(e, in_bits) for e in shown if (known := e.summary.verdict.entropy)]
    # What a run from elsewhere is measured in, only its program knows.
    unit = outcomes.unit(shown, "loss/validation") if not any(e.origin for e in shown) else None
    return {
        "title": matrix.title(shown),
        "subtitle": matrix.subtitle(found, down, across),
        "unit": numbers(shown, unit_of(BITS_PER_BYTE) if in_bits else unit),
        "in_bits": in_bits,
        "rows": [matrix.label(down, value) for value in rows],
        "columns": [matrix.label(across, value) if across else "" for value in columns],
        "cells": matrix.judged(
            matrix.cells(shown, (down, rows), (across, columns), defined.get("impossible", ())),
            matrix.outcomes(shown, run_queue(store()).held(), in_bits),
        ),
        "members": members,
        "runs": [
            {"id": one["id"], "state": one["state"]} for one in members if one["kind"] == "live"
        ],
        "grid": grid,
        "dead": max(entropies, default=None),
    }
