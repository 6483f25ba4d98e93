"""The page's top line: run A, its checkpoint, run B, and the section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.durations import in_time
from core.language import Message, joined, mark, t
from core.runs import Run
from core.verdicts.labels import LIVE
from dashboard.address import chosen
from dashboard.address.page import forgive
from dashboard.address.param import Param
from dashboard.address.widgets import keep, seed, segments
from dashboard.catalogue.run_names import name_of
from dashboard.ui import cards

SECTIONS = {
    "generate": mark("Generate"),
    "lens": mark("Logit lens"),
    "block": mark("One block"),
    "operate": mark("Operate"),
    "streams": mark("Streams"),
    "landscape": mark("Landscape"),
}
NOBODY = ""
ONLY = "anatomy_only_step"  # what was shown of a run with one checkpoint, which needs no slider


@dataclass(frozen=True)
class Choice:
    """What is looked at: runs with the steps of their checkpoints, A first."""

    shown: tuple[tuple[Run, int], ...]

    @property
    def run(self) -> Run:
        """Run A."""
        return self.shown[0][0]

    @property
    def step(self) -> int:
        """Run A's checkpoint."""
        return self.shown[0][1]


def first_choice(runs: Sequence[Run]) -> str:
    """The newest finished transformer that can be looked into, else the best there is."""

    def worth(run: Run) -> tuple[bool, bool, bool]:
        text = not run.origin and run.config.model.family == "transformer"
        return bool(run.checkpoints) and text, text, run.status == "finished"

    return max(enumerate(runs), key=lambda one: (worth(one[1]), -one[0]))[1].id


def top_line(runs: Sequence[Run]) -> tuple[Choice | None, str]:
    """Draw the line; what was chosen, None where the page can't look into it, and the section.

    `runs` is not empty, newest first.
    """
    by_id = {run.id: run for run in runs}
    with st.container(
        key="anatomy_line", horizontal=True, gap="small", vertical_alignment="bottom"
    ):
        wanted = chosen.remembered([id for id in by_id if not cannot(by_id[id])])
        run = by_id[_run("anatomy_run", t("Run A"), by_id, first_choice(runs), wanted[:1])]
        step = _step(run)
        beside = [id for id in wanted[1:] if wanted[0] == run.id]
        other = _run("anatomy_other", t("Run B"), by_id, NOBODY, beside, without=run.id)
        if other or chosen.named("anatomy", [run.id]):
            chosen.follow(run.id, other)
        section = segments(
            "anatomy_section",
            t("Section"),
            {name: t(title) for name, title in SECTIONS.items()},
            label_visibility="collapsed",
            wrap=False,
        )
    if step is None:
        if waits(run):
            waiting(run)
        else:
            cards.problem(cannot(run))
        return None, section
    shown = [(run, step)]
    if other:
        second = by_id[other]
        if waits(second):
            waiting(second)
        elif sentence := cannot(second):
            cards.problem(sentence)
        else:
            newest = step == run.checkpoints[-1] or step not in second.checkpoints
            shown.append((second, second.checkpoints[-1] if newest else step))
    return Choice(tuple(shown)), section


def waits(run: Run) -> bool:
    """Whether a run at work will have its first checkpoint."""
    return run.status in LIVE and not run.checkpoints and not cannot_ever(run)


@st.fragment(run_every=1.0)
def waiting(run: Run) -> None:
    """Say when a run can be looked into; draws the page anew once it can, or once it never will."""
    if not waits(run):
        st.rerun()
    with cards.card("waiting"):
        cards.empty(*until_checkpoint(run))


def until_checkpoint(run: Run) -> tuple[str, str]:
    """Which step brings the first checkpoint of a run at work, and how far that is."""
    config, record = run.config.training, run.record
    first = min(config.checkpoint_every or config.steps, config.steps)
    at = Message("It is at step {step:,}", step=record.step)
    if run.status == "queued":
        at = Message("It waits for its turn to train")
    elif run.status == "paused":
        at = Message("It is paused at step {step:,}: press Resume in the Lab", step=record.step)
    elif record.seconds_left and record.step < first:
        left = record.seconds_left * (first - record.step) / (config.steps - record.step)
        at = Message(
            "It is at step {step:,}, about {time} away", step=record.step, time=in_time(left)
        )
    return (
        Message("{run} can be looked into from step {step:,} on", run=name_of(run), step=first),
        Message(
            "Anatomy reads the weights of a checkpoint, and the first is written at step {step:,}"
            " (Checkpoint every, under Training in the Lab). {at}. This page opens by itself.",
            step=first,
            at=at,
        ),
    )


def cannot_ever(run: Run) -> str:
    """Why no checkpoint of a run would do, or nothing."""
    if origin := run.origin:
        return Message(
            "{run} was recorded by {by}: the lab has its measurements and not its weights. See its"
            " gradients and activations in the Lab, or choose another run.",
            run=name_of(run),
            by=origin.get("by", ""),
        )
    family = run.config.model.family
    if family == "transformer":
        return ""
    return Message(
        "{run} is {family}; this page looks into transformers. Choose another run, or see this"
        " one's gradients and activations in the Lab.",
        run=name_of(run),
        family={"mlp": Message("an MLP"), "resnet": Message("a ResNet")}[family],
    )


def cannot(run: Run) -> str:
    """Why the page can't look into a run, or nothing."""
    if sentence := cannot_ever(run):
        return sentence
    if run.checkpoints:
        return ""
    if waits(run):
        return joined(until_checkpoint(run), ". ")
    return Message(
        "{run} ended without a checkpoint, so there are no weights to look into. Resume it in Runs,"
        " or train one with a smaller training.checkpoint_every.",
        run=name_of(run),
    )


def _run(
    name: str,
    label: str,
    by_id: dict[str, Run],
    default: str,
    wanted: Sequence[str] = (),
    without: str = "",
) -> str:
    """A run by its id. It is first drawn with the address's, else with the first one `wanted`."""
    ids = [id for id in by_id if id != without]
    # A pretrained model is what is laid beside a run most often.
    options = ids if default else [NOBODY, *sorted(ids, key=lambda id: not by_id[id].source)]

    def read(text: str) -> str:
        if text not in by_id:
            raise ValueError(Message("there is no such run here"))
        if text not in options:
            raise ValueError(Message("it is run A already"))
        return text

    # What is chosen on other pages comes first here too, and stands in the address then.
    param = Param(name, next(iter(wanted), default), read, always=True)
    first = seed(param)
    arrives = name not in st.session_state and name not in st.query_params
    if default and first == default and arrives:
        chosen.own("anatomy", default)
    if st.session_state.get(name, default) not in options:  # deleted, or chosen as run A
        st.session_state[name] = default
    value = st.selectbox(
        label,
        options,
        options.index(first if first in options else default),
        key=name,
        format_func=lambda id: name_of(by_id[id]) if id else t("no run"),
        width=240,
        on_change=_chose,
        args=(name,),
    )
    return keep(param, value)


def _chose(name: str) -> None:
    forgive(name)
    chosen.remember(*(st.session_state.get(key) for key in ("anatomy_run", "anatomy_other")))


def _step(run: Run) -> int | None:
    """The checkpoint to look into: the newest unless another one was chosen."""
    name, steps = "anatomy_step", run.checkpoints
    if not steps or cannot(run):
        st.query_params.pop(name, None)
        st.session_state.pop(name, None)
        return None
    if name not in st.session_state and st.query_params.get(name) == st.session_state.pop(ONLY, ""):
        st.query_params.pop(name)  # it was the newest while it was the only one
    param = Param(name, steps[-1], lambda text: _known(text, steps), always=True)
    first = seed(param)
    now = st.session_state.get(name)
    following = st.session_state.get("anatomy_newest") == now
    if now is not None and (now not in steps or following) and now != steps[-1]:
        st.session_state[name] = steps[-1]  # of another run, or a newer one came
    if len(steps) == 1:
        st.session_state[ONLY] = str(steps[0])
        title, said = t("Checkpoint"), t("step {step:,}", step=steps[0])
        st.html(f'<div class="checkpoint"><span>{title}</span>{said}</div>')
        return keep(param, steps[0])
    value = st.select_slider(
        t("Checkpoint"), steps, first if first in steps else steps[-1], key=name, width=210,
        format_func=lambda s: t("step {step:,}", step=s), on_change=forgive, args=(name,),
    )  # fmt: skip
    st.session_state["anatomy_newest"] = steps[-1]
    return keep(param, value)


def _known(text: str, steps: Sequence[int]) -> int:
    if not text.isdecimal() or int(text) not in steps:
        known = ", ".join(f"{step:,}" for step in steps[-8:])
        raise ValueError(Message("its checkpoints are at {steps}", steps=known))
    return int(text)


def colour(run: Run) -> int:
    """The index of a run's colour."""
    index = run.meta["colour"]
    return index if isinstance(index, int) else 0
