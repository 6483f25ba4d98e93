"""Ablation grids on the page: the dialog that makes one, and the card that says which trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from core import durations, grids
from core.catalogue.index import Entry
from core.config import RunConfig, accepted, applies, choices
from core.config.describe import short_title
from core.config.words import said, words_of
from core.data.corpora import look_up
from core.data.downloads import CorpusError
from core.grids import SEED, Grid, GridError, Plan
from core.jobs import grids as jobs
from core.jobs.queue import run_queue
from core.runs import RunError, describe
from dashboard import components
from dashboard.compare import matrix, outcomes
from dashboard.compare.address import complaints
from dashboard.state import SETTINGS, key, store
from dashboard.ui import cards

# What can be ticked: choices with their own words, numbers with some to begin with.
TICKABLE = (
    "model.residual",
    "model.placement",
    "model.norm",
    "model.scaling",
    "model.init",
    "model.depth",
    "model.blocks_per_stage",
    "model.width",
    "model.activation",
    "model.positions",
    "model.qk_norm",
    "optimizer.learning_rate",
    "optimizer.warmup_steps",
    "optimizer.schedule",
    "training.batch_size",
    "training.steps",
)
NUMBERS: dict[str, tuple[float, ...]] = {
    "model.depth": (2, 4, 6, 8, 12, 24, 48),
    "model.blocks_per_stage": (1, 2, 3, 4),
    "model.width": (16, 32, 64, 128, 256),
    "optimizer.learning_rate": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "optimizer.warmup_steps": (0, 50, 100, 200, 400),
    "training.batch_size": (4, 8, 16, 32, 64),
    "training.steps": (100, 200, 300, 600, 1000, 2000),
}
MOST_SEEDS = 20
COLUMNS = 3
LISTED = "all listed runs"
ALONE = "one column"


# Making a grid


@st.dialog("Ablation grid", width="large")
def dialog(
    config: RunConfig, others: Mapping[str, RunConfig] | None = None, leads_to: str = ""
) -> None:
    """Tick values, see what they cost, queue them.

    Settings that are not ticked stay as in `config`, or as in one of `others`, by the name that is
    shown for them. `leads_to` is the page that opens once the runs are queued.
    """
    bases = {f"the Lab: {describe(config)}": config, **(others or {})}
    if len(bases) > 1:
        base = bases[st.selectbox("Starting from", list(bases), key="grid_base")]
    else:
        base = config
        st.caption(
            f"Starting from {describe(config)}, as in the Lab. What is not ticked stays as it is."
        )
    ticked = _ticks(base)
    left, right = st.columns([62, 38], gap="small")
    with left:
        name = st.text_input(
            "Name", key="grid_name", max_chars=80, placeholder=_made_up(ticked) or "made from ticks"
        )
    with right:
        number = st.number_input("Seeds of each combination", 1, MOST_SEEDS, 1, key="grid_seeds")
    if number > 1:
        ticked[SEED] = grids.seeds(int(number), base.training.seed)
    if _queue(base, ticked, name.strip() or _made_up(ticked)):
        if leads_to:
            # An own, empty address: clearing the Lab's is refused while switches are bound to it.
            st.switch_page(leads_to, query_params={})
        st.rerun()


def _ticks(base: RunConfig) -> dict[str, Any]:
    """A list of values for each setting that has any ticked."""
    flat, found = base.flat(), {}
    shown = [dotted for dotted in TICKABLE if not applies(dotted, flat)]
    columns = st.columns(COLUMNS, gap="small")
    for place, dotted in enumerate(shown):
        words = accepted(dotted, choices(dotted), flat)
        options = words or tuple(said(v) for v in _numbers(dotted, flat[dotted]))
        with columns[place % COLUMNS]:
            values = st.multiselect(
                f"{SETTINGS[dotted].title} · {said(flat[dotted])}",
                options,
                key=f"grid_{key(dotted)}",
                placeholder="as it is",
                accept_new_options=not words,
                filter_mode="fuzzy" if words else "prefix",
                format_func=str if words else _unmatched,
            )
        if values:
            found[dotted] = (
                values if words else list(dict.fromkeys(_number(value) for value in values))
            )
    return found


def _unmatched(number: str) -> str:
    """An offered number as its label: led by a space that nobody types.

    Enter takes the first offered value that what was typed is the start of, and 60 is one of 600.
    """
    return f"\u00a0{number}"


def _numbers(dotted: str, now: float) -> list[float]:
    return sorted({*NUMBERS[dotted], now})


def _number(text: str) -> Any:
    """A typed number; what is none stays a text, for `core.grids` to refuse."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _made_up(ticked: Mapping[str, Any]) -> str:
    """A name from what is tried: `residual × placement × depth`."""
    tried = [d for d, values in ticked.items() if d != SEED and len(values) > 1] or list(ticked)
    return " × ".join(short_title(dotted) for dotted in tried)


def _queue(base: RunConfig, ticked: Mapping[str, Any], name: str) -> bool:
    """What the ticks come to, and the button; whether the runs were queued."""
    plan, problem = None, "Tick two values of a setting, or more."
    if ticked:
        try:
            grid = grids.grid(name or "seeds", base, ticked)
            plan, problem = grid.plan(), ""
        except GridError as error:
            problem = f"{error}."
    if plan is not None:
        found = [cell.config for cell in plan.runs if cell.config]
        cost = durations.cost(store(), found, read=False)
        problem = cost.problem or ("" if plan.runs else "No cell of this grid is possible.")
        _price(plan, cost)
    if problem:
        cards.problem(problem) if ticked else st.caption(problem)
    if sentence := st.session_state.pop("grid_problem", ""):
        cards.problem(sentence)
    ready = plan is not None and bool(plan.runs) and not problem
    number = len(plan.runs) if ready and plan else 0
    pressed = st.button(
        f"Queue {number} run{'s' * (number != 1)}" if ready else "Queue runs",
        key="grid_start",
        type="primary",
        disabled=not ready,
    )
    return pressed and ready and start(grid)


def start(grid: Grid) -> bool:
    """Queue a grid; whether all of it could be. The matrix shows it from now on."""
    remembered = st.session_state
    try:
        if grid.base.data.path:
            look_up(grid.base)  # an own text is first read now that somebody wants it
        remembered["grid_chosen"] = jobs.start(store(), grid)
    except jobs.GridStartError as error:
        remembered["grid_chosen"], remembered["grid_problem"] = error.grid, str(error)
    except (RunError, CorpusError) as error:
        remembered["grid_problem"] = str(error)
        return False
    return True


def _price(plan: Plan, cost: durations.Cost) -> None:
    """How many runs, how long, how much memory; what is impossible and why."""
    number = len(plan.runs)
    guess = "" if cost.measured else ", a guess until the first run"
    parts = [
        f"<b>{number} run{'s' * (number != 1)}</b>",
        f"about {durations.in_time(cost.seconds)}{guess}",
        f"{durations.in_bytes(cost.memory)}, {cost.places} at once",
    ]
    notes = [
        f"{count} cell{'s' * (count != 1)} not possible: {reason}"
        for reason, count in plan.reasons.items()
    ]
    if plan.merged:
        cell, first = plan.merged[0]
        more = f" and {len(plan.merged) - 1} more" if len(plan.merged) > 1 else ""
        told = words_of(cell.values)
        notes.append(f"One run where settings come to the same: {told} is {first.name}{more}")
    brought = sorted(
        {
            f"{words_of({dotted: value})}"
            for cell in plan.runs
            for dotted, value in cell.brought.items()
        }
    )
    if brought:
        notes.append(f"Some cells bring other settings with them: {'; '.join(brought[:4])}")
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes[:6])
    if len(notes) > 6:
        listed += f"<li>and {len(notes) - 6} reasons more</li>"
    below = f'<ul class="grid-notes">{listed}</ul>' if listed else ""
    st.html(f'<div class="grid-cost">{" · ".join(parts)}</div>{below}')


# Which trained


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
    listed = runs if listed is None else listed
    among = _grids(runs)
    if not among and not matrix.axes(listed):
        return False
    problems: list[str] = []
    with cards.card("which_trained", **layout):
        with st.container(horizontal=True, key="grid_controls", gap="small"):
            chosen = _choose_grid(among, problems) if among else LISTED
            shown = (
                listed if chosen == LISTED else [e for e in runs if e.meta.get("grid") == chosen]
            )
            defined = {} if chosen == LISTED else jobs.definition(store(), chosen)
            found = matrix.axes(shown, defined.get("axes", ()))
            down, across = _choose_axes(found, problems) if found else ("", None)
            if chosen != LISTED:
                _steering(chosen)
        for sentence in [*problems, st.session_state.pop("grid_problem", "")]:
            if sentence:
                cards.problem(sentence)
        if found:
            _matrix(shown, chosen, found, (down, across), defined, on_cell)
        else:
            cards.empty("Nothing to lay out", "These runs do not differ in any setting.")
    return True


def _grids(runs: Sequence[Entry]) -> dict[str, str]:
    """The grids among runs by id, newest first, each with a name that no other has."""
    found = {str(e.meta["grid"]): str(e.meta.get("grid_name")) for e in runs if e.meta.get("grid")}
    names = list(found.values())
    return {
        id: name if names.count(name) == 1 and name != LISTED else f"{name} · {id[4:15]}"
        for id, name in sorted(found.items(), reverse=True)
    }


def _choose_grid(among: Mapping[str, str], problems: list[str]) -> str:
    remembered = st.session_state
    if remembered.get("grid_chosen") in among:  # one that was just started
        remembered["grid_choice"] = remembered.pop("grid_chosen")
    return _select("Grid", "grid_choice", {**among, LISTED: LISTED}, 0, 190, problems)


def _choose_axes(found: Mapping[str, Sequence[Any]], problems: list[str]) -> tuple[str, str | None]:
    """The settings down and across, as the reader chose them; never the same one twice."""
    first, second = matrix.default_axes(found)
    names = {dotted: short_title(dotted) for dotted in found}
    down = _select("Rows", "grid_rows", names, list(names).index(first), 130, problems)
    st.html('<span class="choice">by</span>', width="content")
    others = {**{d: title for d, title in names.items() if d != down}, ALONE: ALONE}
    default = second if second in others else next(iter(others))
    place = list(others).index(default)
    across = _select("Columns", "grid_columns", others, place, 130, problems)
    return down, None if across == ALONE else across


def _select(
    title: str, key: str, words: Mapping[str, str], first: int, width: int, problems: list[str]
) -> str:
    """A choice that the address keeps, in the words that it shows."""
    problems += complaints(**{key: list(words.values())})
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
        now = jobs.progress(store(), id)
    except RunError:
        return  # its runs were deleted this very moment
    if now.training or now.waiting:
        st.button("Pause", key="grid_pause", on_click=_steer, args=(jobs.pause, id))
    if now.paused or now.stopped:
        st.button("Resume", key="grid_resume", on_click=_steer, args=(jobs.resume, id))
    if now.at_work:
        st.button("Cancel", key="grid_cancel", on_click=_steer, args=(jobs.cancel, id))


def _steer(act: Callable[..., None], id: str) -> None:
    try:
        act(store(), id)
    except (RunError, OSError) as error:
        st.session_state["grid_problem"] = str(error)


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
    entropies = [e.digest.verdict.entropy for e in shown if e.digest.verdict.entropy]

    def press() -> None:
        pressed = st.session_state["which_trained"].get("cell")
        if pressed and on_cell:
            on_cell(list(pressed["ids"]))

    components.mount(
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
