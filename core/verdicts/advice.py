"""What to look at and what to try after a run: from its verdict, settings and measurements.

Each sentence states numbers of this run or asks a question that a twin answers; none promises an
outcome. Pure: what was measured is read from a run in `measured.py`, which twins are worth a try is
in `questions.py`, what two runs show together in `pair.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from core.config import RunConfig, applies, resolve
from core.config.alike import SCHEDULE, are_twins, experiment_key
from core.config.fork_point import ForkPoint
from core.config.rough import rough_times
from core.language import Message, joined
from core.runs.status import ENDED, RESUMABLE, goes_on
from core.verdicts.labels import DEAD_KINDS, nats
from core.verdicts.measured import Measured
from core.verdicts.pair import compared
from core.verdicts.questions import questions
from core.verdicts.rules import APART
from core.verdicts.verdict import Verdict
from core.verdicts.why import why

MOST = 3  # suggestions; more would be read by nobody

Action = Literal["twin", "beside", "resume", "attention", "compare", "none"]


@dataclass(frozen=True)
class Suggestion:
    """One sentence and the button that does it.

    `changes` are the settings of a twin by dotted name, with what they bring along; `run` is the
    id of the run that has them already, which is shown beside this one.
    """

    sentence: str
    label: str = ""
    action: Action = "none"
    changes: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""


def next_steps(
    verdict: Verdict,
    config: RunConfig,
    measured: Measured,
    twin: tuple[Verdict | None, RunConfig] | None = None,
    *,
    twin_state: str = "",
    same_start: bool = True,
    trained: Mapping[str, str] | None = None,
) -> list[Suggestion]:
    """At most three suggestions for a run that has ended and why it came so; none before that.

    `twin` is the run that is shown beside it, its verdict None while it trains: a judged pair is
    compared first, and what the twin tries is not suggested again. One that trains (`twin_state`
    in words) is waited for, as a new run would take its place. Of two that did not start at one
    checkpoint (`same_start`) nothing is concluded. A fork's twins are forks too. `trained` are the
    ids of the runs that exist, by `alike.experiment_key`: they are shown instead of trained again.
    """
    if measured.state not in ENDED:
        return []
    head: list[Suggestion] = []
    if same_start and twin and twin[0]:
        text = compared(verdict, config, twin[0], twin[1], measured.words)
        if text:
            head.append(Suggestion(text, Message("Compare them"), "compare"))
    head += _resume(config, measured)
    if waits := twin is not None and twin[0] is None:
        head.append(_wait(config, twin[1], twin_state, same_start))
    head += _look(verdict, config, measured)
    reasons = _why(verdict, config, measured, twin)
    if waits:
        return [*head, *reasons]
    found = head[:]
    tried = [config.flat()] + ([twin[1].flat()] if twin else [])
    for sentence, label, changes in questions(verdict, config, measured):
        whole = possible(config, changes)
        flat = {**config.flat(), **(whole or {})}
        if whole is None or flat in tried or _in_vain(flat, changes, measured.fork):
            continue
        if known := (trained or {}).get(experiment_key(flat, flat[SCHEDULE], measured.fork)):
            text = joined((sentence, Message("You have trained this: compare them.")), " ")
            found.append(Suggestion(text, Message("Show both"), "beside", whole, known))
        else:
            found.append(Suggestion(sentence, label, "twin", whole))
    found = found[:MOST]
    return [*found[: len(head)], *reasons, *found[len(head) :]]


def _in_vain(flat: Mapping[str, Any], changes: Mapping[str, Any], fork: ForkPoint | None) -> bool:
    """Whether a fork can't have these changes, or they would be over before it starts."""
    if fork is None:
        return False
    early = "model.init" in changes or 0 < changes.get("optimizer.warmup_steps", 0) <= fork.step
    return early or bool(fork.refusal(RunConfig.from_flat(dict(flat))))


def _why(
    verdict: Verdict,
    config: RunConfig,
    measured: Measured,
    twin: tuple[Verdict | None, RunConfig] | None,
) -> list[Suggestion]:
    """The mechanism behind a dead run, and behind a pair of which one learns.

    It is known for weights as they are drawn, so nothing is said of a fork.
    """
    if measured.fork is not None:
        return []
    told = [] if measured.rewired else [why(verdict.kind, config, measured.gradients)]
    if twin and twin[0] and {verdict.kind, twin[0].kind} & set(DEAD_KINDS):
        told.append(why(twin[0].kind, twin[1], paired=True))
        if verdict.kind == "learned" and not measured.rewired:
            told[0] = why(verdict.kind, config, paired=True)
    mechanism = joined(filter(None, dict.fromkeys(told)), " ")
    return [Suggestion(Message("Why: {said}", said=mechanism))] if mechanism else []


def _wait(config: RunConfig, other: RunConfig, state: str, same_start: bool) -> Suggestion:
    """The sentence on a run beside it that has not ended yet."""
    twins = same_start and are_twins(config.flat(), other.flat())
    if twins:
        return Suggestion(
            Message(
                "Its twin has not ended ({state}): wait for it, then the two can be compared.",
                state=state,
            )
            if state
            else Message("Its twin has not ended: wait for it, then the two can be compared.")
        )
    return Suggestion(
        Message(
            "The run beside it has not ended ({state}): wait for it, then the two can be compared.",
            state=state,
        )
        if state
        else Message("The run beside it has not ended: wait for it, then the two can be compared.")
    )


def possible(config: RunConfig, changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """The changes with the settings that they bring along, or None where that can't be built."""
    flat = {**config.flat(), **changes}
    whole = dict(changes)
    for dotted in changes:
        brought = {k: v for k, v in resolve({**flat, **whole}, dotted).items() if k not in changes}
        whole |= brought
    if any(applies(dotted, flat) for dotted in changes):
        return None
    try:
        RunConfig.from_flat({**flat, **whole})
    except ValidationError:
        return None
    return whole


def _look(verdict: Verdict, config: RunConfig, measured: Measured) -> Iterator[Suggestion]:
    """Suggestions that the run's own measurements give."""
    if verdict.kind in DEAD_KINDS or verdict.kind == "diverged":
        if sentence := _gradients(measured):
            yield Suggestion(sentence)
    elif verdict.kind == "learned" and verdict.gap is not None:
        fell = {"gap": nats(verdict.gap), "frequencies": measured.words.frequencies}
        if "attention" in config.model.parts and config.probes.attention and config.probes.every:
            yield Suggestion(
                Message(
                    "Its loss ends {gap} nats below {frequencies}: it uses its input. Which tokens"
                    " its heads look at is on Attention.",
                    **fell,
                ),
                Message("See its heads"),
                "attention",
            )
        else:
            yield Suggestion(
                Message("Its loss ends {gap} nats below {frequencies}: it uses its input.", **fell)
            )


def _gradients(measured: Measured) -> str:
    """A sentence that compares the gradient norms of the first and of the last layer."""
    if len(measured.gradients) < 2:
        return ""
    first, last = measured.gradients[0], measured.gradients[-1]
    two = {
        "at": measured.at,
        "depth": len(measured.gradients),
        "first": f"{first:.1e}",
        "last": f"{last:.1e}",
    }
    shown = Message("The map of the gradient norm shows every layer and step.")
    ratio = max(first, last) / min(first, last) if min(first, last) else np.inf
    if APART * min(first, last) >= max(first, last):
        said = Message(
            "At step {at:,} the gradient norm of layer 1 ({first}) is about that of layer {depth}"
            " ({last}).",
            **two,
        )
    elif not np.isfinite(ratio):
        said = Message(
            "At step {at:,} the gradient norm of layer 1 is {first}, that of layer {depth} is"
            " {last}.",
            **two,
        )
    elif first < last:
        said = Message(
            "At step {at:,} the gradient norm of layer 1 ({first}) is {times} smaller than that of"
            " layer {depth} ({last}).",
            times=rough_times(ratio),
            **two,
        )
    else:
        said = Message(
            "At step {at:,} the gradient norm of layer 1 ({first}) is {times} larger than that of"
            " layer {depth} ({last}).",
            times=rough_times(ratio),
            **two,
        )
    return joined((said, shown), " ")


def _resume(config: RunConfig, measured: Measured) -> Iterator[Suggestion]:
    """The suggestion to resume a run that ended before its last step."""
    if measured.state in RESUMABLE and measured.step < config.training.steps:
        yield Suggestion(
            Message(
                "It ended at step {step:,} of {steps:,}. Resumed, it {goes_on}.",
                step=measured.step,
                steps=config.training.steps,
                goes_on=goes_on(measured.resumes_at, measured.step),
            ),
            Message("Resume it"),
            "resume",
        )
