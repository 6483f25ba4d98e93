"""What a cell of "Which trained?" says of its runs: one rule for the pages and the report. Pure.

The number of a cell is the mean of the final losses of those of its runs that came to an end; a
run that diverged, failed or was stopped has none. The cell says of how many runs that is the mean
and how many it has. Repeats of one experiment count as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.catalogue.means import Mean, mean_of
from core.catalogue.summary import RunSummary
from core.language import Message, joined, mark
from core.runs.status import State
from core.verdicts.labels import BAD_KINDS, DEAD_KINDS, LIVE, VERDICT_LABELS, VerdictKind

Came = VerdictKind | Literal["stopped", "live"]  # what a run came to, as cells count it
Drawn = Literal[
    "empty", "impossible", "live", "learned", "mixed", "dead", "plain", "diverged", "failed",
    "stopped",
]  # fmt: skip
STOPPED: tuple[State, ...] = ("stopped", "interrupted")
LOST: tuple[Came, ...] = ("diverged", "failed", "out_of_memory", "stopped")  # have no final loss
ORDER: tuple[Came, ...] = (
    "learned", "memorised", "plateau", "above", "diverged", "failed", "out_of_memory", "stopped",
    "too_early", "unjudged",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What one run came to, or where it stands. `loss`: the last validation loss in nats, else the
    mean of the last training losses; None where there is none. Where runs of different tokens are
    laid beside each other, it is in bits per byte. `experiment`: equal for repeats.
    `first`: the step that it started at, 0 but for a fork."""

    kind: Came
    state: State
    step: int
    steps: int
    loss: float | None
    experiment: Hashable = None
    first: int = 0


@dataclass(frozen=True)
class Cell:
    """A cell as it is shown. `text` stands in it, `small` below that, `said` for readers.

    `value` (nats) chooses the shade, None where it has none. `of` runs are behind it, `count` of
    them are averaged in the number. `share` of 0 to 1 is done while runs train or wait, else None.
    """

    kind: Drawn
    text: str = ""
    small: str = ""
    said: str = Message("no run")
    value: float | None = None
    count: int = 0
    of: int = 0
    share: float | None = None

    def for_browser(self, say: Callable[[str], str] = str) -> dict[str, Any]:
        """Plain values, messages as `say` says them; the number as it is shown comes with it."""
        value = None if self.value is None else round(self.value, 4)
        share = None if self.share is None else round(self.share, 3)
        return {
            "kind": self.kind, "text": say(self.text), "small": say(self.small),
            "said": say(self.said), "value": value, "count": self.count, "of": self.of,
            "share": share,
        }  # fmt: skip


def outcome(found: RunSummary, experiment: Hashable = None, factor: float = 1.0) -> Outcome:
    """The outcome of one run, from its summary; its loss times a factor, as in bits per byte."""
    kind = came(found)
    reached = found.validation if found.validation is not None else found.verdict.last_mean
    loss = None if kind == "diverged" or reached is None else reached * factor
    return Outcome(kind, found.state, found.step, found.steps, loss, experiment, found.first)


def came(found: RunSummary) -> Came:
    """How a run counts: by its verdict once it has come to its end."""
    if found.state in LIVE:
        return "live"
    if found.state in STOPPED:
        return "stopped"
    return "diverged" if found.state == "diverged" else found.verdict.kind


def cell(runs: Sequence[Outcome], impossible: str = "") -> Cell:
    """The cell of these runs; `impossible` is why there can be none."""
    if not runs:
        if impossible:
            return Cell("impossible", Message("not possible"), said=impossible)
        return Cell("empty")
    ended = [run for run in runs if run.kind != "live"]
    mean = mean_of((run.experiment, run.loss) for run in ended if run.kind not in LOST)
    if len(ended) < len(runs):
        return _live(runs, ended, mean)
    return _ended(runs, mean)


def _live(runs: Sequence[Outcome], ended: Sequence[Outcome], mean: Mean) -> Cell:
    states = {run.state for run in runs if run.kind == "live"}
    training = states & {"running", "starting"}
    word: str = Message("waiting")
    if training or "paused" in states:
        word = Message("training") if training else Message("paused")
    done = sum(run.kind != "stopped" for run in ended)
    share = sum(_share(run) for run in runs) / len(runs)
    if len(runs) == 1:
        [run] = runs
        now = "" if run.loss is None or word == "waiting" else f"{run.loss:.2f}"
        said = Message("{word}, its loss is {loss} now", word=word, loss=now) if now else word
        return Cell("live", now or word, word if now else "", said, of=1, share=share)
    count = Message("{done} of {of} done", done=done, of=len(runs))
    if mean.value is None:
        told = joined([word, count])
        return Cell("live", word, count, told, of=len(runs), share=share)
    told = Message(
        "{word}, {count}; {loss:.2f} is the mean of {known} of {of} runs",
        word=word,
        count=count,
        loss=mean.value,
        known=mean.count,
        of=len(runs),
    )
    so_far = Message("mean of {known} of {of} so far", known=mean.count, of=len(runs))
    return Cell("live", f"{mean.value:.2f}", so_far, told, count=mean.count,
                of=len(runs), share=share)  # fmt: skip


def _share(run: Outcome) -> float:
    if run.kind != "live":
        return 1.0
    return min((run.step - run.first) / max(run.steps - run.first, 1), 1.0)


def _ended(runs: Sequence[Outcome], mean: Mean) -> Cell:
    counts = Counter(run.kind for run in runs)
    kind = _drawn(counts)
    told = joined(
        Message("{n} {came}", n=counts[k], came=_past(k)) if len(runs) > 1 else _word(k)
        for k in ORDER
        if counts[k]
    )
    shade = mean.value if kind in ("learned", "mixed") else None
    shared: dict[str, Any] = {"value": shade, "count": mean.count, "of": len(runs)}
    if len(runs) == 1:
        return _one(runs[0], kind, told, shared)
    if mean.value is None:
        worst = max((k for k in ORDER if counts[k]), key=lambda k: counts[k])
        some = counts[worst] < len(runs)
        small: str = Message("{n} run", "{n} runs", n=len(runs))
        if some:
            small = Message("{n} of {of}", n=counts[worst], of=len(runs))
        return Cell(kind, _word(worst), small, told, **shared)
    whole = mean.count == len(runs)
    template = mark("mean of {known}") if whole else mark("mean of {known} of {of}")
    numbers = {"known": mean.count} if whole else {"known": mean.count, "of": len(runs)}
    of = small = Message(template, **numbers)
    if len(counts) > 1:
        learned = counts["learned"] or Message("none")
        small = Message("{mean}, {n} learned", mean=of, n=learned)
    elif kind == "plain":  # nothing but the words tells it from a good one
        small = joined([of, _below(runs[0].kind)])
    said = Message("{told}; {loss:.2f} is the {mean} runs", told=told, loss=mean.value, mean=of)
    if mean.experiments < mean.count:
        said = Message("{said}, of {n} seeds or settings", said=said, n=mean.experiments)
    return Cell(kind, f"{mean.value:.2f}", small, said, **shared)


def _one(run: Outcome, kind: Drawn, told: str, shared: dict[str, Any]) -> Cell:
    if run.kind == "stopped":
        at: str = Message("stopped at {step:,}", step=run.step)
        if run.loss is not None:
            at = Message("{stopped}; its loss was {loss:.2f}", stopped=at, loss=run.loss)
        where = Message("at {step:,}", step=run.step)
        return Cell(kind, Message("stopped"), where, at, **shared)
    if run.loss is None or run.kind in LOST:
        return Cell(kind, told, "", told, **shared)
    small = "" if run.kind in ("learned", *DEAD_KINDS) else _below(run.kind)
    return Cell(kind, f"{run.loss:.2f}", small, told, **shared)


def _drawn(counts: Counter[Came]) -> Drawn:
    """How a cell is painted; only some of whose runs learned is mixed."""
    if counts["learned"]:
        return "learned" if len(counts) == 1 else "mixed"
    dead = sum(counts[kind] for kind in DEAD_KINDS)
    lost = {kind: counts[kind] for kind in LOST}
    most = max(lost, key=lambda kind: lost[kind])
    if lost[most] and lost[most] >= dead:
        return "failed" if most == "out_of_memory" else most  # type: ignore[return-value]
    return "dead" if dead else "plain"


def _word(kind: Came) -> str:
    return Message(kind if kind == "stopped" or kind == "live" else VERDICT_LABELS[kind].said)


def _past(kind: Came) -> str:
    """After a number of runs: `2 memorised the training data`."""
    return Message(kind if kind == "stopped" or kind == "live" else VERDICT_LABELS[kind].past)


def _below(kind: Came) -> str:
    """As it fits under a number."""
    if kind == "stopped" or kind == "live" or kind not in BAD_KINDS:
        return _word(kind)
    return Message(VERDICT_LABELS[kind].short)
