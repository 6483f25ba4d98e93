"""What the Attention page shows: the runs that have attention, and what is asked of two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.language import Message
from core.runs import Run, RunStore, read_only
from dashboard.address.param import Address, Problems, read, runs
from dashboard.attention import choices
from dashboard.attention.choices import Asked

RUNS = "attention_runs"


@dataclass(frozen=True)
class Attention:
    """`runs` have attention, newest first, with all different `names` by id.

    `named` are the ids of those that the address names; `others` says whether there are runs that
    have none.
    """

    runs: list[Run]
    names: Mapping[str, str]
    named: list[str]
    problems: Problems
    others: bool

    def run(self, id: object) -> Run | None:
        """A run by its id."""
        return next((run for run in self.runs if run.id == id), None)


@dataclass(frozen=True)
class Looked:
    """What of the page's first line decides what is asked: `side` is a, b or difference."""

    a: Run
    b: Run | None
    text: str
    side: str
    sort: str

    @property
    def shown(self) -> list[Run]:
        """The runs that are looked at now."""
        both = {"a": self.a, "b": self.b}
        one = both.get(self.side)
        return [one] if one else [run for run in (self.a, self.b) if run]


@dataclass(frozen=True)
class Questions:
    """What is asked: about an own text (None without one, or where a run can't), and of the heads.

    `opened` is what the address opens, `checkpoint` the nearest one to its step.
    """

    text: Asked | None
    induction: Asked
    opened: dict[str, Any]
    checkpoint: int | None
    problems: Problems
    wrong: list[str]


def load(address: Address, store: RunStore) -> Attention:
    """The runs of a store that have attention, and which of them an address names."""
    every = store.list()[::-1]
    having = [run for run in every if choices.has_attention(run)]
    ids = {run.id for run in having}
    values, problems = read([runs(RUNS, {run.id for run in every})], address)
    for run in every:
        if run.id in values[RUNS] and run.id not in ids:
            said = Message("{run} has no attention.", run=run.name)
            if run.origin:
                said = Message("{run} was recorded elsewhere, without its attention.", run=run.name)
            problems.setdefault(RUNS, []).append(said)
    named = [id for id in values[RUNS] if id in ids]
    return Attention(having, choices.labels(having), named, problems, len(every) > len(having))


def ask(store: RunStore, looked: Looked, address: Address, checkpoint: int | None) -> Questions:
    """Ask what the page shows; `checkpoint` is the one that was chosen on it last."""
    shown = looked.shown
    opened, problems = choices.opened(address, shown[0])
    wanted = opened["step"] if checkpoint is None else checkpoint
    wrong: list[str] = []
    text = None
    # A pretrained model kept nothing while it trained: its probe text is read now.
    if looked.text or any(run.source for run in shown):
        wrong = [sentence for run in shown if (sentence := choices.text_problem(run, looked.text))]
        if not wrong:
            text = choices.ask(store, shown, "attention", wanted, text=looked.text)
            wrong += text.problems
    able = [run for run in shown if run.checkpoints]
    induction = choices.ask(store, able, "heads", wanted)
    # Where runs are only to look at the page says so itself, and nobody asked for this one.
    unasked = [] if read_only.is_read_only() else list(induction.problems)
    return Questions(
        text if text and len(text.found) == len(shown) else None,
        induction,
        opened,
        choices.nearest(shown[0].checkpoints, wanted),
        problems,
        [*wrong, *unasked],
    )
