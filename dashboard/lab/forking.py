"""Forks in the Lab: the checkpoint that the next run starts from, which the address names.

While it names one, Train, Train twin and Step start there and the line above them says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from core.cache import Cache
from core.config import RunConfig
from core.config.fork_point import ForkPoint
from core.files import signature
from core.jobs import forks
from core.language import t
from core.runs import Run, RunError
from core.runs.checkpoint_files import STATE, WEIGHTS, base_of
from dashboard.address import page
from dashboard.address.param import Param
from dashboard.catalogue import run_names
from dashboard.live.feed import store
from dashboard.settings import held
from dashboard.settings.address import NAMES, PARAMS

NAME = "lab_fork"  # in the address, and in the session while another page is open
STEP = "fork_step"
POINTS: Cache[ForkPoint] = Cache(100)


def _parse(text: str) -> ForkPoint:
    id, step = forks.named(text)
    return point(store().open(id), step)


PARAM: Param[ForkPoint | None] = Param(NAME, None, _parse, lambda fork: fork.key if fork else "")


def point(run: Run, step: int | None = None) -> ForkPoint:
    """A checkpoint to start from, read again only when one of its files has changed."""
    base = base_of(run.path / "checkpoints", step or 0)
    files = [base.with_suffix(suffix) for suffix in (WEIGHTS, STATE, ".json")]
    stamps = tuple(signature(path) for path in (*files, run.path / "meta.json"))
    made_from = None if step is None or None in stamps else stamps
    return POINTS.get((run.path, step), made_from, lambda: forks.point(run, step))


def arrive() -> None:
    """Bring the address back that another page did not keep; give a bare one its settings.

    To be called before any widget is bound to the address.
    """
    how, address = page.arrival(), page.query()
    if how == "from_page" and NAME not in address:
        if kept := st.session_state.get(NAME):
            st.query_params[NAME] = kept
    elif how == "by_address" and NAME in address and NAMES.isdisjoint(address):
        fork, _ = PARAM.read(address)
        if fork is not None:
            said = {d: PARAMS[d].text(value) for d, value in fork.config.flat().items()}
            meant = {PARAMS[d].name: text for d, text in said.items() if text}
            st.query_params.from_dict({**address, **meant})
    st.session_state[NAME] = page.query().get(NAME, "")


def current() -> tuple[ForkPoint | None, str]:
    """The checkpoint that the next run starts from, and what is wrong with what the address says.

    None and no sentence: the next run starts at step 0.
    """
    fork, sentences = PARAM.read(page.query())
    return fork, " ".join(sentences)


def steps(run: Run) -> Sequence[int]:
    """The steps of a run that can be forked, the newest first."""
    return forks.startable(run)[::-1]


def enter(run: Run) -> None:
    """Turn the switches to a run's settings; the next run starts from the chosen checkpoint."""
    try:
        fork = point(run, int(st.session_state[STEP]))
    except RunError as error:
        st.session_state["fork_problem"] = t(error)
        return
    config = fork.config
    if config.training.steps <= fork.step:  # as many again
        more = fork.step + config.training.steps - run.first_step
        training = config.training.model_copy(update={"steps": more})
        config = config.model_copy(update={"training": training})
    page.write(PARAM, fork)
    held.show(config)
    held.changed()
    st.session_state[NAME], st.session_state["fork"] = fork.key, False


def leave() -> None:
    """The next run starts at step 0 again; the switches stay."""
    page.write(PARAM, None)
    st.session_state[NAME] = ""


def line(fork: ForkPoint | None, config: RunConfig | None, problem: str) -> None:
    """What the next run starts from, and the way back; nothing where it starts at step 0."""
    if fork is None and not problem:
        return
    said = t("This checkpoint can't be forked.")
    if fork is not None:
        values = {
            "step": fork.step,
            "name": escape(run_names.everywhere().names.get(fork.run, fork.name)),
        }
        if config:
            said = t(
                "Starts from <b>step {step:,}</b> to {last:,} of <b>{name}</b>",
                last=config.training.steps,
                **values,
            )
        else:
            said = t("Starts from <b>step {step:,}</b> of <b>{name}</b>", **values)
    with st.container(horizontal=True, key="fork_line", gap="small", vertical_alignment="center"):
        st.html(f"<p>{said}</p>", width="stretch")
        st.button(t("From step 0"), key="fork_off", type="tertiary", on_click=leave)


def beside(fork: ForkPoint | None, shown: Sequence[Run]) -> list[Any]:
    """What is shown beside a run that was just started: its parent, else what was in focus."""
    if fork is not None:
        try:
            return [store().open(fork.run)]
        except RunError:
            pass  # it was deleted since
    return list(shown[:1])
