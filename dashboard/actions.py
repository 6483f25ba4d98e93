"""What the buttons do: start a run or a pair of twins, steer the run in focus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core import jobs, presets
from core.config import RunConfig, accepted, applies, choices, layers, resolve
from core.data.corpora import look_up
from core.data.downloads import CorpusError
from core.runs import Run, RunError, describe
from core.runs.status import NEEDS_WORKER, RESUMABLE
from dashboard import chosen, state
from dashboard.state import LIVE, SETTINGS, store

# What a twin may differ in; numbers offer a few others.
TWIN_SWITCHES = (
    "model.residual",
    "model.placement",
    "model.norm",
    "model.scaling",
    "model.init",
    "model.depth",
    "model.blocks_per_stage",
    "optimizer.warmup_steps",
)
NUMBERS = {
    "model.depth": (2, 6, 12, 24),
    "model.blocks_per_stage": (1, 2, 3, 4),
    "optimizer.warmup_steps": (0, 50, 100, 200, 400),
}


@dataclass(frozen=True)
class Button:
    """A button as it stands: what it says, and whether it can be pressed."""

    label: str
    enabled: bool


def train() -> None:
    """Start a run with the present settings and put it into focus."""
    config, _ = state.read(state.widget_values())
    if config is not None:
        run = _enqueue(config, _name(config))
        _focus(run, *state.lab_runs()[0][:1])


STORY = ("post-ln-dies", "pre-ln-lives")


def train_story() -> None:
    """Train the two presets that differ in one switch, and show the second one's settings."""
    dies, lives = (presets.load(name).config for name in STORY)
    first = _enqueue(dies, STORY[0])
    if first is not None:
        _focus(first, _enqueue(lives, STORY[1], twin_of=first.id))
        st.session_state["preset"] = STORY[1]
        state.show(lives)


def pause() -> None:
    """Pause or go on; takes up a run that was stopped or interrupted."""
    focus = _in_focus()
    if focus is not None:
        _control(focus, "pause" if focus.status in ("starting", "running") else "resume")


def step() -> None:
    """One step of a live run, which then pauses; else a new run that pauses after its first."""
    focus = _in_focus()
    if focus is not None and focus.status in NEEDS_WORKER:
        _control(focus, "step")
        return
    config, _ = state.read(state.widget_values())
    if config is not None and (focus is None or focus.status not in LIVE):
        run = _enqueue(config, _name(config), paused=True)
        _focus(run, *([focus] if focus else []))


def stop() -> None:
    """End the run in focus; it can be resumed later."""
    focus = _in_focus()
    if focus is not None:
        _control(focus, "stop")


REWIRABLE = ("residual", "placement", "norm", "scaling")


def can_rewire(run: Run) -> bool:
    """Whether layers of a run can be switched now."""
    return run.status in NEEDS_WORKER


def rewire() -> None:
    """Switch layers of the run in focus before its next step."""
    focus, chosen = _in_focus(), st.session_state
    if focus is not None:
        try:
            which = layers.typed(str(chosen["switch_layers"]))
        except ValueError as error:
            chosen["rewire_problem"] = f"{error}."
            return
        change = f"{which}: {chosen['switch_setting']}={chosen['switch_value']}"
        if _control(focus, "switch", change, "rewire_problem"):
            chosen["rewire"] = False  # it would cover what became of it


def steering(run: Run | None, config: RunConfig | None) -> tuple[Button, Button, Button]:
    """Pause, Step and Stop as the run in focus and the settings allow them."""
    now = run.status if run else ""
    resumes = now == "paused" or now in RESUMABLE
    return (
        Button("Resume" if resumes else "Pause", resumes or now in ("starting", "running")),
        Button("Step", now in NEEDS_WORKER or (now != "queued" and config is not None)),
        Button("Stop", now in LIVE),
    )


# Twins


def twins(config: RunConfig) -> Iterator[tuple[str, list[tuple[Any, RunConfig]]]]:
    """For each switch the other values that make a possible twin."""
    flat = config.flat()
    for dotted in TWIN_SWITCHES:
        options: list[tuple[Any, RunConfig]] = []
        words = accepted(dotted, choices(dotted), flat)
        for value in () if applies(dotted, flat) else words or NUMBERS[dotted]:
            if value == flat[dotted]:
                continue
            changed = {**flat, dotted: value}
            changed.update(resolve(changed, dotted))
            twin, _ = state.read(changed)
            if twin is not None:
                options.append((value, twin))
        if options:
            yield dotted, options


@st.dialog("Train twin", width="medium")
def twin_dialog(config: RunConfig, base: Run | None = None) -> None:
    """Ask for the one switch, then train both with the same seed and batches.

    Of a run that exists, `base`, only the twin is trained, and the Lab's focus stays where it is.
    """
    st.caption(
        "The twin has the same seed, the same first weights and the same batches."
        " Choose the one switch in which it differs."
    )
    flat = config.flat()
    for dotted, options in twins(config):
        with st.container(key=f"twin_{state.key(dotted)}", horizontal=True, gap="small"):
            st.markdown(f"{SETTINGS[dotted].title} :gray[now {flat[dotted]}]")
            for value, twin in options:
                if st.button(str(value), key=f"twin_{state.key(dotted)}_{value}"):
                    if base is None:
                        train_pair(config, twin, dotted, value)
                    else:
                        train_twin(base, twin, dotted, value)
                    st.rerun()


def train_pair(config: RunConfig, twin: RunConfig, dotted: str, value: Any) -> None:
    """Train both, or only the twin when the run in focus already has these settings."""
    focus = _in_focus()
    exists = focus is not None and focus.config.flat() == config.flat()
    base = focus if exists else _enqueue(config, _name(config))
    if base is None:
        return
    other = train_twin(base, twin, dotted, value)
    _focus(*((other, base) if exists else (base, other)))


def train_twin(base: Run, twin: RunConfig, dotted: str, value: Any) -> Run | None:
    """Train a twin of a run, named by its wiring, or else by what sets it apart."""
    name = describe(twin)
    if name == describe(base.config):
        name = f"{name}, {str(SETTINGS[dotted].title).lower()} {value}"
    return _enqueue(twin, name, twin_of=base.id)


def try_twin(changes: Mapping[str, Any]) -> None:
    """Train a twin of the run in focus with these settings, and show both."""
    focus = _in_focus()
    if focus is not None:
        twin = RunConfig.from_flat({**focus.config.flat(), **changes})
        dotted, value = next(iter(changes.items()))
        _focus(train_twin(focus, twin, dotted, value), focus)


def show_beside(id: str) -> None:
    """Show a run beside the one in focus."""
    focus = _in_focus()
    if focus is not None:
        state.put_runs("lab_runs", [focus.id, id])


# What all of them share


def problem(place: str = "action_problem") -> str:
    """What the last button could not do; asked for once."""
    return str(st.session_state.pop(place, ""))


def _in_focus() -> Run | None:
    shown, _ = state.lab_runs()
    return shown[0] if shown else None


def _focus(*runs: Run | None) -> None:
    ids = list(dict.fromkeys(run.id for run in runs if run is not None))[:2]
    if runs[0] is not None:
        state.put_runs("lab_runs", ids)
        chosen.start(*ids)


def _enqueue(config: RunConfig, name: str, paused: bool = False, **meta: Any) -> Run | None:
    try:
        if config.data.path:
            look_up(config)  # an own text is first read now that somebody wants it
        return jobs.enqueue(store(), config, name, paused, **meta)
    except (RunError, CorpusError) as error:
        st.session_state["action_problem"] = str(error)
        return None


def _control(run: Run, command: Any, text: str = "", place: str = "action_problem") -> bool:
    """Whether the run took the command; why not is kept for the page to say."""
    try:
        jobs.control(store(), run, command, text)
    except RunError as error:
        st.session_state[place] = layers.sentence(str(error))
        return False
    return True


def _name(config: RunConfig) -> str:
    """The name that was typed, the preset's while nothing was changed, else what it is."""
    typed = str(st.session_state.get("run_name") or "").strip()
    if typed:
        return typed
    chosen = st.session_state.get("preset")
    if chosen in presets.names() and presets.load(chosen).config.flat() == config.flat():
        return str(chosen)
    return describe(config)
