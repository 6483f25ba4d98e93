"""The dialog that makes an ablation grid: what is tried, what it costs, and its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from core import durations, grids
from core.config import RunConfig, accepted, applies, choices
from core.config.describe import short_title
from core.config.fork_point import ForkPoint
from core.config.words import format_value, words_of
from core.data.corpora import check_corpus
from core.data.downloads import CorpusError
from core.grids import SEED, Grid, GridError, Plan
from core.jobs import elsewhere
from core.jobs import grids as jobs
from core.language import t
from core.memory import in_bytes
from core.runs import RunError, describe, read_only
from dashboard.launch.ladders import LADDERS
from dashboard.live.feed import store
from dashboard.settings.form import SETTINGS, key
from dashboard.ui import cards, changes

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
MOST_SEEDS = 20
COLUMNS = 3
CHOSEN, PROBLEM = "grid_chosen", "grid_problem"  # for the card that shows what was started


def dialog(
    config: RunConfig,
    others: Mapping[str, RunConfig] | None = None,
    leads_to: str = "",
    forks: Sequence[ForkPoint] = (),
    fork: ForkPoint | None = None,
) -> None:
    """The dialog over the page; see `_ask`."""
    st.dialog(t("Ablation grid"), width="large")(_ask)(config, others, leads_to, forks, fork)


def _ask(
    config: RunConfig,
    others: Mapping[str, RunConfig] | None,
    leads_to: str,
    forks: Sequence[ForkPoint],
    fork: ForkPoint | None,
) -> None:
    """Tick values, see what they cost, queue them.

    Settings that are not ticked stay as in `config`, or as in one of `others`, by the name that is
    shown for them. `leads_to` is the page that opens once the runs are queued. All runs may start
    from one of `forks`, at first from `fork`.
    """
    bases = {t("the Lab: {run}", run=describe(config)): config, **(others or {})}
    if len(bases) > 1:
        base = bases[st.selectbox(t("Starting from"), list(bases), key="grid_base")]
    else:
        base = config
        st.caption(
            t(
                "Starting from {run}, as in the Lab. What is not ticked stays as it is.",
                run=describe(config),
            )
        )
    fork = _beginning(forks, fork)
    ticked = _ticks(base)
    left, right = st.columns([62, 38], gap="small")
    with left:
        name = st.text_input(
            t("Name"),
            key="grid_name",
            max_chars=80,
            placeholder=_made_up(ticked) or t("made from ticks"),
        )
    with right:
        number = st.number_input(t("Seeds of each combination"), 1, MOST_SEEDS, 1, key="grid_seeds")
    if number > 1:
        ticked[SEED] = grids.seeds(int(number), base.training.seed)
    if _queue(base, ticked, name.strip() or _made_up(ticked), fork):
        if leads_to:
            # An own, empty address: clearing the Lab's is refused while switches are bound to it.
            st.switch_page(leads_to, query_params={})
        st.rerun()


def _beginning(forks: Sequence[ForkPoint], first: ForkPoint | None) -> ForkPoint | None:
    """The checkpoint that all runs start from; None for step 0."""
    if not forks:
        return None
    points = {t("step {step:,}", step=0): None, **{t(one.words): one for one in forks}}
    at = list(points).index(t(first.words)) if first else 0
    return points[st.selectbox(t("All runs start from"), list(points), at, key="grid_from")]


def _ticks(base: RunConfig) -> dict[str, Any]:
    """A list of values for each setting that has any ticked."""
    flat, found = base.flat(), {}
    shown = [dotted for dotted in TICKABLE if not applies(dotted, flat)]
    columns = st.columns(COLUMNS, gap="small")
    for place, dotted in enumerate(shown):
        words = accepted(dotted, choices(dotted), flat)
        options = words or tuple(format_value(v) for v in _numbers(dotted, flat[dotted]))
        with columns[place % COLUMNS]:
            values = st.multiselect(
                f"{t(str(SETTINGS[dotted].title))} · {format_value(flat[dotted])}",
                options,
                key=f"grid_{key(dotted)}",
                placeholder=t("as it is"),
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
    return sorted({*LADDERS[dotted], now})


def _number(text: str) -> Any:
    """A typed number; anything else stays a text, and `core.grids` refuses it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _made_up(ticked: Mapping[str, Any]) -> str:
    """A name from what is tried: `residual × placement × depth`."""
    tried = [d for d, values in ticked.items() if d != SEED and len(values) > 1] or list(ticked)
    return " × ".join(t(short_title(dotted)) for dotted in tried)


def _queue(
    base: RunConfig, ticked: Mapping[str, Any], name: str, fork: ForkPoint | None = None
) -> bool:
    """Draw what the ticked values cost, and the button; returns whether the runs were queued."""
    plan, problem = None, t("Tick two values of a setting, or more.")
    if ticked:
        try:
            grid = grids.grid(name or "seeds", base, ticked, fork=fork)
            plan, problem = jobs.admitted(grid.plan(), read=False), ""
        except GridError as error:
            problem = t("{why}.", why=error)
    if plan is not None:
        found = [cell.config for cell in plan.runs if cell.config]
        first = fork.step if fork else 0
        cost = durations.cost(store(), found, read=False, first=first)
        problem = cost.problem or ("" if plan.runs else t("No cell of this grid is possible."))
        problem = problem or t(elsewhere.problem())
        _price(plan, cost)
    if problem:
        cards.problem(problem) if ticked else st.caption(t(problem))
    refusal = st.container()  # above the button, which has to be drawn before it can be pressed
    ready = plan is not None and bool(plan.runs) and not problem
    number = len(plan.runs) if ready and plan else 0
    pressed = changes.button(
        t("Queue {n} run", "Queue {n} runs", n=number) if ready else t("Queue runs"),
        key="grid_start",
        type="primary",
        disabled=not ready,
    )
    queued = pressed and ready and start(grid)
    if not queued and (sentence := st.session_state.pop(PROBLEM, "")):
        with refusal:
            cards.problem(sentence)
    return queued


def start(grid: Grid) -> bool:
    """Queue a grid; whether all of it could be. The matrix shows it from now on."""
    remembered = st.session_state
    try:
        read_only.refuse()
        check_corpus(grid.base)  # an own text is first read now that somebody wants it
        remembered[CHOSEN] = jobs.start(store(), grid)
    except jobs.GridStartError as error:
        remembered[CHOSEN], remembered[PROBLEM] = error.grid, t(error)
    except (RunError, CorpusError) as error:
        remembered[PROBLEM] = t(error)
        return False
    return True


def _price(plan: Plan, cost: durations.Cost) -> None:
    """How many runs, how long, how much memory; what is impossible and why."""
    number = len(plan.runs)
    time = t(durations.in_time(cost.seconds))
    there = elsewhere.shown()
    long = t("about {time}", time=time)
    if there:
        long = t("about {time}, as on this machine", time=time)
    if not cost.measured:
        long = t("about {time}, a guess until the first run", time=time)
    parts = [
        f"<b>{t('{n:,} run', '{n:,} runs', n=number)}</b>",
        long,
        t("trains on {host}", host=t(elsewhere.named(there)))
        if there
        else t("{memory}, {n} at once", memory=in_bytes(cost.memory), n=cost.places),
    ]
    notes = [
        t("{n} cell not possible: {why}", "{n} cells not possible: {why}", n=count, why=t(reason))
        for reason, count in plan.reasons.items()
    ]
    if plan.merged:
        cell, first = plan.merged[0]
        told = {"settings": words_of(cell.values), "run": first.name}
        said = t("One run where settings come to the same: {settings} is {run}", **told)
        if len(plan.merged) > 1:
            said = t("{said} and {n} more", said=said, n=len(plan.merged) - 1)
        notes.append(said)
    brought = sorted(
        {
            f"{words_of({dotted: value})}"
            for cell in plan.runs
            for dotted, value in cell.brought.items()
        }
    )
    if brought:
        notes.append(
            t(
                "Some cells bring other settings with them: {settings}",
                settings="; ".join(brought[:4]),
            )
        )
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes[:6])
    if len(notes) > 6:
        listed += f"<li>{t('and {n} reasons more', n=len(notes) - 6)}</li>"
    below = f'<ul class="grid-notes">{listed}</ul>' if listed else ""
    st.html(f'<div class="grid-cost">{" · ".join(parts)}</div>{below}')
