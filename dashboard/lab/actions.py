"""What the Lab's buttons do: start a run or a pair of twins, steer the run in focus."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core import jobs, presets
from core.config import RunConfig, layers
from core.config.fork_point import ForkPoint, begin_together
from core.language import t
from core.runs import Run, RunError, describe
from core.runs.status import NEEDS_WORKER, RESUMABLE
from core.verdicts.labels import LIVE
from dashboard.lab import focus as lab
from dashboard.lab import forking
from dashboard.launch.enqueue import enqueue
from dashboard.launch.twins import train_twin
from dashboard.live.feed import store
from dashboard.settings import held
from dashboard.settings.form import to_config

PROBLEM = "action_problem"  # of steering a run


@dataclass(frozen=True)
class Button:
    """A button as it stands: what it says, and whether it can be pressed."""

    label: str
    enabled: bool


def train() -> None:
    """Start a run with the present settings and put it into focus."""
    config, _ = to_config(held.widget_values())
    if config is not None:
        fork, _ = forking.current()
        run = enqueue(config, _name(config, fork), fork=fork)
        lab.start(run, *forking.beside(fork, lab.runs()))


STORY = ("post-ln-dies", "pre-ln-lives")


def train_story() -> None:
    """Train the two presets that differ in one switch, and show the second one's settings."""
    dies, lives = (presets.load(name).config for name in STORY)
    first = enqueue(dies, STORY[0])
    if first is not None:
        lab.start(first, enqueue(lives, STORY[1], twin_of=first.id))
        st.session_state["preset"] = STORY[1]
        forking.leave()
        held.show(lives)


def pause() -> None:
    """Pause or go on; takes up a run that was stopped or interrupted."""
    focus = lab.in_focus()
    if focus is not None:
        _control(focus, "pause" if focus.status in ("starting", "running") else "resume")


def step() -> None:
    """One step of a live run, which then pauses; else a new run that pauses after its first."""
    focus = lab.in_focus()
    if focus is not None and focus.origin:
        focus = None  # another program's
    if focus is not None and focus.status in NEEDS_WORKER:
        _control(focus, "step")
        return
    config, _ = to_config(held.widget_values())
    if config is not None and (focus is None or focus.status not in LIVE):
        fork, _ = forking.current()
        run = enqueue(config, _name(config, fork), paused=True, fork=fork)
        lab.start(run, *forking.beside(fork, [focus] if focus else []))


def stop() -> None:
    """End the run in focus; it can be resumed later."""
    focus = lab.in_focus()
    if focus is not None:
        _control(focus, "stop")


REWIRABLE = ("residual", "placement", "norm", "scaling")


def can_rewire(run: Run) -> bool:
    """Whether layers of a run can be switched now."""
    return run.status in NEEDS_WORKER


def first_other(options: Sequence[str], now: str) -> int:
    """The place of the first option that would change something."""
    return next((i for i, option in enumerate(options) if option != now), 0)


def rewire() -> None:
    """Switch layers of the run in focus before its next step."""
    focus, chosen = lab.in_focus(), st.session_state
    if focus is not None:
        try:
            which = layers.typed(str(chosen["switch_layers"]))
        except ValueError as error:
            chosen["rewire_problem"] = f"{t(error)}."
            return
        change = f"{which}: {chosen['switch_setting']}={chosen['switch_value']}"
        if _control(focus, "switch", change, "rewire_problem"):
            chosen["rewire"] = False  # it would cover what became of it
        else:  # a person typed layers, not a setting called overrides
            said = re.sub(r"^overrides(: |：)", "", str(chosen["rewire_problem"]))
            chosen["rewire_problem"] = said[:1].upper() + said[1:]


def steering(run: Run | None, config: RunConfig | None) -> tuple[Button, Button, Button]:
    """Pause, Step and Stop as the run in focus and the settings allow them."""
    now = run.status if run and not run.origin else ""  # another program's is steered there
    resumes = now == "paused" or now in RESUMABLE
    steps = now in NEEDS_WORKER
    # Without a live run it starts the next one. Not in a hint: Streamlit draws such a button twice.
    step = t("Step a new run") if run and not steps and now not in LIVE else t("Step")
    return (
        Button(t("Resume") if resumes else t("Pause"), resumes or now in ("starting", "running")),
        Button(step, steps or (now not in LIVE and config is not None)),
        Button(t("Stop"), now in LIVE),
    )


# Twins


def train_pair(config: RunConfig, twin: RunConfig, dotted: str, value: Any) -> None:
    """Train both, or only the twin when the run in focus already has these settings."""
    focus = lab.in_focus()
    fork, _ = forking.current()
    exists = (
        focus is not None
        and not focus.origin
        and focus.config.flat() == config.flat()
        and begin_together(focus.fork, fork)
    )
    base = focus if exists else enqueue(config, _name(config, fork), fork=fork)
    if base is None:
        return
    other = train_twin(base, twin, dotted, value)
    lab.start(*((other, base) if exists else (base, other)))


def try_twin(changes: Mapping[str, Any]) -> None:
    """Train a twin of the run in focus with these settings, and show both."""
    focus = lab.in_focus()
    if focus is not None:
        twin = RunConfig.from_flat({**focus.config.flat(), **changes})
        dotted, value = next(iter(changes.items()))
        lab.start(train_twin(focus, twin, dotted, value), focus)


def show_beside(id: str) -> None:
    """Show a run beside the one in focus."""
    focus = lab.in_focus()
    if focus is not None:
        lab.put([focus.id, id])


def _control(run: Run, command: Any, text: str = "", place: str = PROBLEM) -> bool:
    """Send a command; returns whether it was taken. A reason is kept for the page to show."""
    try:
        jobs.control(store(), run, command, text)
    except RunError as error:
        st.session_state[place] = t(layers.sentence(error.args[0]))
        return False
    return True


def _name(config: RunConfig, fork: ForkPoint | None) -> str:
    """The name that was typed, the preset's while nothing was changed, else what it is."""
    typed = str(st.session_state.get("run_name") or "").strip()
    if typed:
        return typed
    chosen = st.session_state.get("preset")
    if (
        fork is None
        and chosen in presets.names()
        and presets.load(chosen).config.flat() == config.flat()
    ):
        return str(chosen)
    return describe(config, fork)
