"""What the Attention page chooses: runs that have attention, which two fit, what to ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.data.run_tokenizers import tokenizer_in
from core.data.subwords import TokenizerError
from core.jobs import inspections
from core.jobs.inspections import Inspection
from core.language import Message, mark, t
from core.runs import Run, RunError, RunStore
from dashboard.address.param import Address, Param, Problems, read, within
from dashboard.catalogue import run_names

SORTS = (
    mark("induction"),
    mark("previous token"),
    mark("first token"),
    mark("duplicate token"),
    mark("entropy"),
)
SIDES = {"a": "A", "b": "B", "difference": "A − B"}


def has_attention(run: Run) -> bool:
    """Whether its blocks attend at all; of a run from elsewhere nobody knows."""
    return (
        not run.origin
        and run.config.model.family == "transformer"
        and "attention" in run.config.model.parts
    )


def unfit(a: Run, b: Run, own_text: bool = False) -> str:
    """Why two runs have no difference, in one sentence; empty where they have one."""
    one, other = a.config.model, b.config.model
    if one.depth != other.depth:
        return Message(
            "A − B needs equal shapes: A has {a} layers, B {b}.", a=one.depth, b=other.depth
        )
    if one.heads != other.heads:
        return Message(
            "A − B needs equal shapes: A has {a} heads, B {b}.", a=one.heads, b=other.heads
        )
    if own_text:
        return ""
    texts = [(r.corpus.get("probe_text"), r.config.probe_length) for r in (a, b)]
    if texts[0][1] != texts[1][1]:
        return Message(
            "A − B needs one probe text: A reads {a} tokens of it, B {b}. Type a text of your own"
            " for both.",
            a=texts[0][1],
            b=texts[1][1],
        )
    if texts[0][0] != texts[1][0]:
        return Message(
            "A − B needs one probe text: theirs differ. Type a text of your own for both."
        )
    return ""


def others(runs: Sequence[Run], a: Run) -> list[Run]:
    """The runs to set beside A: pretrained models, then those that fit; each group as it came."""
    rest = [run for run in runs if run.id != a.id]
    return sorted(rest, key=lambda run: (not run.source, bool(unfit(a, run))))


def labels(runs: Sequence[Run]) -> dict[str, str]:
    """Names by id, all different."""
    return run_names.of_runs(runs)


def nearest(steps: Sequence[int], wanted: int | None) -> int | None:
    """The step closest to the wanted one, the newest where none is; None without steps."""
    if not steps:
        return None
    return steps[-1] if wanted is None else min(steps, key=lambda step: abs(step - wanted))


def text_problem(run: Run, text: str) -> str:
    """Why a run can't read a text, in one sentence; empty where it can."""
    context = run.config.model.context
    try:
        tokenizer = tokenizer_in(run.path, run.tokenizer)
    except TokenizerError as error:
        return t(error)
    if tokenizer is None:
        return Message("{run} has not started: its tokens are not known yet.", run=run.name)
    known = tokenizer.known(text)
    if len(known) < len(text):
        strange = "".join(dict.fromkeys(c for c in text if c not in known))
        return Message(
            "{run} never saw {letters}; leave these characters out.",
            run=run.name,
            letters=" ".join(strange[:8]),
        )
    length = len(tokenizer.encode(text))
    return "" if length <= context else _too_long(run, length)


def _too_long(run: Run, length: int) -> str:
    most = run.config.model.context
    return Message(
        "The text has {n} tokens; {run} reads at most {most}.", n=length, run=run.name, most=most
    )


@dataclass(frozen=True)
class Asked:
    """Questions by run id, and what was wrong with those that could not be asked."""

    found: dict[str, Inspection]
    problems: tuple[str, ...] = ()


def ask(
    store: RunStore, runs: Sequence[Run], kind: str, wanted: int | None, **parameters: Any
) -> Asked:
    """Put one question to runs, each at its checkpoint nearest to the wanted step."""
    found: dict[str, Inspection] = {}
    problems: list[str] = []
    for run in runs:
        try:
            step = nearest(run.checkpoints, wanted)
            found[run.id] = inspections.ask(store, run, kind, step, **parameters)
        except RunError as error:
            problems.append(t(error))
    return Asked(found, tuple(problems))


def opened(address: Address, run: Run) -> tuple[dict[str, Any], Problems]:
    """Layer and head (counted from 0), step and form as the address has them (counted from 1)."""
    model = run.config.model
    limits = {"layer": (1, model.depth), "head": (1, model.heads), "step": (0, 10**9)}
    params = [Param(f"attention_{name}", None, within(int, *both)) for name, both in limits.items()]
    values, problems = read(params, address)
    layer, head, step = values.values()
    found = {
        "layer": None if layer is None else layer - 1,
        "head": None if head is None else head - 1,
        "step": step,
        "lines": address.get("attention_lines") == "true",
    }
    return found, problems
