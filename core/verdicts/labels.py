"""What people read for a run's state and for its verdict, and which of them are bad: one table.

Files, the command line's JSON and filters use the keys (`finished`, `too_early`); everything that
a person reads uses the words. The browser gets the same table as data (`for_browser`). Pure: needs
neither numpy nor a run.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

from core.language import Message
from core.runs.status import ENDED, NEEDS_WORKER, State

VerdictKind = Literal[
    "learned", "memorised", "plateau", "above", "diverged", "too_early", "failed", "out_of_memory",
    "unjudged",
]  # fmt: skip
KINDS: tuple[VerdictKind, ...] = get_args(VerdictKind)


class StateLabel(NamedTuple):
    """A state: its word, and whether a run that is in it ended badly."""

    word: str
    bad: bool = False


class VerdictLabel(NamedTuple):
    """A verdict: `short` in a column, `said` of one run, `many` of several, `past` in a report.

    `bad` verdicts are warned of; `dead` ones are those of a network that uses nothing of its input.
    """

    short: str
    said: str
    many: str
    past: str
    bad: bool = False
    dead: bool = False


STATE_LABELS: dict[State, StateLabel] = {
    "queued": StateLabel("waiting"),
    "starting": StateLabel("starting"),
    "running": StateLabel("training"),
    "paused": StateLabel("paused"),
    "finished": StateLabel("finished"),
    "stopped": StateLabel("stopped"),
    "interrupted": StateLabel("interrupted", bad=True),
    "diverged": StateLabel("diverged", bad=True),
    "failed": StateLabel("failed", bad=True),
    "out_of_memory": StateLabel("out of memory", bad=True),
}
VERDICT_LABELS: dict[VerdictKind, VerdictLabel] = {
    "learned": VerdictLabel("learned", "learned", "use their input", "learned"),
    "memorised": VerdictLabel(
        "memorised",
        "memorised its training data",
        "memorised their training data",
        "memorised the training data",
        bad=True,
    ),
    "plateau": VerdictLabel(
        "plateau",
        "on the plateau",
        "sit on the plateau and ignore their input",
        "sat on the plateau",
        bad=True,
        dead=True,
    ),
    "above": VerdictLabel(
        "above",
        "worse than the plateau",
        "know less than frequencies",
        "knew less than frequencies",
        bad=True,
        dead=True,
    ),
    "diverged": VerdictLabel("diverged", "diverged", "diverged", "diverged", bad=True),
    "failed": VerdictLabel("failed", "failed", "failed", "failed", bad=True),
    "out_of_memory": VerdictLabel(
        "out of memory", "out of memory", "ran out of memory", "ran out of memory", bad=True
    ),
    "too_early": VerdictLabel(
        "too early", "too early to judge", "are too young to judge", "can't be judged yet"
    ),
    # Of a run whose network and data are not the lab's.
    "unjudged": VerdictLabel("not judged", "not judged", "are not judged", "can't be judged here"),
}
# A sign of its own for each dead end, so that nothing is told by colour alone.
SIGNS: dict[str, str] = {
    "plateau": "■",
    "above": "■",
    "memorised": "!",
    "diverged": "✕",
    "failed": "✕",
    "out_of_memory": "✕",
    "interrupted": "!",
}
LIVE: tuple[State, ...] = ("queued", *NEEDS_WORKER)  # waiting or at work
BAD_KINDS: tuple[VerdictKind, ...] = tuple(k for k, label in VERDICT_LABELS.items() if label.bad)
DEAD_KINDS: tuple[VerdictKind, ...] = tuple(k for k, label in VERDICT_LABELS.items() if label.dead)
BAD_STATES: tuple[State, ...] = tuple(s for s, label in STATE_LABELS.items() if label.bad)
# What a filter understands beside the states themselves: the words for them, and an older one.
STATE_ALIASES: dict[str, State] = {
    **{label.word: state for state, label in STATE_LABELS.items() if label.word != state},
    "done": "finished",
}


def state_words(
    state: State, kind: VerdictKind | None, step: int, steps: int, diverged_at: int | None = None
) -> str:
    """A state as a sentence has it: `finished`, `plateau`, `training, step 41 of 400`, ...

    A run that finished with a bad verdict is called by the verdict.
    """
    if state == "finished":
        return _finished(kind)
    word = Message(STATE_LABELS[state].word)
    at = step_of(step, steps if state in ("running", "paused") else 0)
    if state == "running":
        return Message("{state}, {at}", state=word, at=at)
    if state in ("paused", "stopped", "interrupted", "out_of_memory"):
        return Message("{state} at {at}", state=word, at=at)
    if state == "diverged":
        return Message("{state} at {at}", state=word, at=step_of(diverged_at or step))
    return word


def step_of(step: int, steps: int = 0) -> Message:
    """`step 41`, or `step 41 of 400` where it is known of how many."""
    if steps:
        return Message("step {step:,} of {steps:,}", step=step, steps=steps)
    return Message("step {step:,}", step=step)


def short_words(
    state: State,
    kind: VerdictKind | None,
    step: int,
    steps: int,
    diverged_at: int | None = None,
    first: int = 0,
) -> str:
    """A state as a narrow column has it: `finished`, `plateau`, `training 41 %`, `stopped 41`.

    `first` is the step that it started at, from which on its share is counted.
    """
    word = Message(STATE_LABELS[state].word)
    if state in ("running", "paused") and steps > first:
        share = 100 * (step - first) // (steps - first)
        return Message("{state} {share} %", state=word, share=share)
    if state in ("stopped", "interrupted"):
        return Message("{state} {step:,}", state=word, step=step)
    if state == "diverged":
        return Message("{state} {step:,}", state=word, step=diverged_at or step)
    return _finished(kind) if state == "finished" else word


def warns(state: State, kind: VerdictKind | None) -> str:
    """The word of a run's warning: a bad state, else a bad verdict, else ""."""
    if state in BAD_STATES:
        return state
    return kind if kind in BAD_KINDS else ""


def nats(size: float) -> str:
    """The size of a gap of losses in nats, with two figures or more; without its sign."""
    size = abs(size)
    return f"{size:.2f}" if size >= 0.1 else f"{size:.2g}"


def _finished(kind: VerdictKind | None) -> str:
    bad = VERDICT_LABELS[kind].short if kind in BAD_KINDS else ""
    return Message(bad or STATE_LABELS["finished"].word)


def for_browser() -> dict[str, Any]:
    """The table as the live views are given it."""
    return {
        "states": {state: label.word for state, label in STATE_LABELS.items()},
        "ended": list(ENDED),
        "live": list(LIVE),
        "bad_states": list(BAD_STATES),
        "verdicts": {kind: label._asdict() for kind, label in VERDICT_LABELS.items()},
        "signs": SIGNS,
    }
