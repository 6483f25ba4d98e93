"""The tables and lists of a report, as HTML."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from markupsafe import Markup

from core.catalogue.comparable import factor, in_bits
from core.catalogue.entry import Entry, differing
from core.catalogue.means import mean_of, times
from core.catalogue.outcomes import Cell, Outcome, cell, outcome
from core.catalogue.summary import RunSummary
from core.config import RunConfig
from core.config.alike import SEED
from core.config.words import PATHS, format_value, title_of
from core.language import Message, joined, mark, t
from core.verdicts.labels import BAD_KINDS, STATE_LABELS, short_words
from dashboard.catalogue.differences import common, counted, ordered, written
from dashboard.report.series import Group
from dashboard.ui.templates import render
from dashboard.ui.units import nats

FOLDED = (mark("{n} more settings"), mark("{n} more rows"), mark("{n} more runs"))  # in templates
SIDE_BY_SIDE = 6  # lines whose settings stand in columns; of more, runs are counted
MOST_CELLS = 200
# What losses are told in where it is not nats alone.
IN_BITS = mark(
    "in bits per byte, as the runs cut their texts into different tokens; of the training text, by"
    " the bytes of a token of the held-out text"
)
ELSEWHERE = mark("each in its own program's unit, in nats where it is a run of this lab")


# What was trained


def trained_table(groups: Sequence[Group], number: int) -> Markup:
    """One row for each line: its state and its losses, mean and spread over its runs."""
    runs = [run for group in groups for run in group.runs]
    in_bytes = in_bits(runs)
    rows = [_trained_row(group, in_bytes) for group in groups]
    return render("report/trained", rows=rows, number=number, unit=t(loss_unit(runs)))


def loss_unit(runs: Sequence[Entry]) -> str:
    """What the losses of these runs are told in, in words."""
    if in_bits(runs):
        return IN_BITS
    if any(run.origin for run in runs):
        return ELSEWHERE
    return Message("in {unit}", unit=Message(nats([run.run for run in runs])))


def _trained_row(group: Group, in_bytes: bool) -> dict[str, Any]:
    found = group.summaries
    # Of several runs only what became of them, not at which step.
    states = Counter(
        one.words
        if len(found) == 1
        else short_words(one.state, one.verdict.kind, 0, 0)
        if one.state == "finished"
        else Message(STATE_LABELS[one.state].word)
        for one in found
    )

    def last(of: Callable[[RunSummary], float | None]) -> tuple[str, str]:
        sound = [None if one.verdict.kind == "diverged" else of(one) for one in found]
        by = [factor(run, in_bytes) for run in group.runs]
        told = [None if x is None else x * f for x, f in zip(sound, by, strict=True)]
        return _mean(group, told)

    steps = sorted({one.step for one in found})
    return {
        "group": group,
        "count": t(times([run.experiment for run in group.runs])),
        "bad": any(one.verdict.kind in BAD_KINDS for one in found),
        "words": t(
            joined(
                word if n == len(found) else Message("{count} {came}", count=n, came=word)
                for word, n in states.items()
            )
        ),
        "span": f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,}–{steps[-1]:,}",
        "losses": [
            last(lambda one: one.loss),
            last(lambda one: one.validation),
            last(lambda one: one.best_validation),
        ],
    }


def _mean(group: Group, numbers: Sequence[float | None]) -> tuple[str, str]:
    """Mean and standard deviation over seeds; of how many runs, where not all have a number."""
    found = mean_of(zip([run.experiment for run in group.runs], numbers, strict=True))
    if found.value is None:
        return "–", ""
    spread = [] if found.deviation is None else [f"± {found.deviation:.3f}"]
    of = [] if found.whole else [t("({n} of {all})", n=found.count, all=found.of)]
    return f"{found.value:.3f}", " ".join(spread + of)


# What differs


def varied(groups: Sequence[Group]) -> list[str]:
    """The settings that are not the same in all runs; not the seed, where lines are of several."""
    found = differing(run for group in groups for run in group.runs)
    several = any(len({run.flat[SEED] for run in group.runs}) > 1 for group in groups)
    return [name for name in found if not (several and name == SEED)]


def difference_table(groups: Sequence[Group], number: int) -> Markup:
    """The settings in which the lines differ, in the settings' own words."""
    found = varied(groups)
    narrow = len(groups) <= SIDE_BY_SIDE
    runs = [run for group in groups for run in group.runs]
    rows = [
        (
            name,
            t(title_of(name)),
            [common(name, group.runs) for group in groups]
            if narrow
            else [counted(name, (run.trained.get(name) for run in runs))],
        )
        for name in found
    ]
    return render(
        "report/differences",
        rows=rows,
        heads=groups if narrow else [],
        equal=sum(name not in found for name in RunConfig().flat()),
        seeds=_seeds(groups),
        number=number,
    )


def _seeds(groups: Sequence[Group]) -> str:
    seeds = {run.flat[SEED] for group in groups for run in group.runs} - {None}
    several = any(len({run.flat[SEED] for run in g.runs}) > 1 for g in groups)
    return _listed(seeds) if several else ""


def _listed(numbers: set[int]) -> str:
    ordered = sorted(numbers)
    return ", ".join(map(str, ordered[:8])) + (", …" if len(ordered) > 8 else "")


def equal_table(groups: Sequence[Group]) -> Markup:
    """Every setting that is the same everywhere, folded."""
    flat, apart = groups[0].runs[0].trained, varied(groups)
    rows = [
        (name, t(title_of(name)), written(name, value))
        for name, value in flat.items()
        if name not in apart and name != SEED
    ]
    return render("report/equal", rows=rows)


# Which trained?


@dataclass(frozen=True)
class Matrix:
    """A grid of settings: each row and column is one value of each of its settings."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Mapping[str, Sequence[str]]  # of each setting, in order
    cells: Mapping[tuple[tuple[Any, ...], tuple[Any, ...]], Cell]
    in_bits: bool = False  # whether its losses are in bits per byte


def matrix(groups: Sequence[Group]) -> Matrix | None:
    """The runs as a grid, where at least half of the combinations of what differs are there.

    A setting whose value follows from another's (no placement, no norm) does not become an axis.
    A run that was rewired while it trained stands in no cell: no setting describes all of it.
    """
    groups = [group for group in groups if not any(run.rewired for run in group.runs)]
    runs = [run for group in groups for run in group.runs]
    found = {name: [_key(name, run.trained.get(name)) for run in runs] for name in varied(groups)}
    names = [name for name in found if not _follows(name, found)]
    if not 1 <= len(names) <= 3 or len(groups) < 2:
        return None
    names.sort(key=lambda name: len(set(found[name])))
    rows, columns = tuple(names[:-1]), tuple(names[-1:])
    size = math.prod(len(set(found[name])) for name in names)
    if size > MOST_CELLS or len(set(zip(*(found[n] for n in names), strict=True))) < size / 2:
        return None
    in_bytes = in_bits(runs)
    cells: dict[tuple[tuple[Any, ...], tuple[Any, ...]], list[Outcome]] = {}
    for i, run in enumerate(runs):
        key = tuple(found[n][i] for n in rows), tuple(found[n][i] for n in columns)
        cells.setdefault(key, []).append(
            outcome(run.summary, run.experiment, factor(run, in_bytes))
        )
    values = {
        n: [written(n, v) for v in ordered(n, (run.trained.get(n) for run in runs))] for n in names
    }
    judged = {key: cell(own) for key, own in cells.items()}
    return Matrix(rows, columns, values, judged, in_bytes)


def _key(dotted: str, value: Any) -> str:
    """A value as its row or column says it; an own text with its folder, unlike any other."""
    return format_value(value, empty="–") if dotted in PATHS else written(dotted, value)


def _follows(name: str, found: Mapping[str, Sequence[str]]) -> bool:
    """Whether another setting's value tells this one's: later ones, or with more values."""
    order = list(found)
    for other, values in found.items():
        if other == name or len(set(values)) < len(set(found[name])):
            continue
        decides = len(set(zip(values, found[name], strict=True))) == len(set(values))
        both = len(set(values)) == len(set(found[name]))
        if decides and not (both and order.index(other) > order.index(name)):
            return True
    return False


def matrix_table(found: Matrix, number: int) -> Markup:
    """Which trained: the mean of the last validation losses, dead and diverged cells marked."""
    tops = [found.values[name] for name in found.columns]
    sides = [found.values[name] for name in found.rows]
    losses = [one.value for one in found.cells.values() if one.value is not None]
    limits = min(losses, default=0.0), max(losses, default=1.0)
    rows = [
        (
            " · ".join(row),
            [
                _cell(found.cells.get((row, column), Cell("empty")), *limits)
                for column in product(*tops)
            ],
        )
        for row in product(*sides)
    ]
    side = " × ".join(t(title_of(n)) for n in found.rows)
    top = " × ".join(t(title_of(n)) for n in found.columns)
    words = t("{rows}, by {columns}", rows=side, columns=top) if side else top
    return render(
        "report/matrix",
        heads=[" · ".join(column) for column in product(*tops)],
        rows=rows,
        words=words[:1].upper() + words[1:].lower(),
        number=number,
        in_bits=found.in_bits,
    )


PAINTED = {"learned": "learned", "mixed": "learned", "dead": "dead", "diverged": "diverged",
           "failed": "diverged", "stopped": "diverged"}  # fmt: skip


def _cell(found: Cell, best: float, worst: float) -> dict[str, Any]:
    """As the page shows it: its number or word, and of how many runs; greener the lower."""
    share = None
    if found.value is not None:
        share = f"{14 + 50 * (worst - found.value) / (worst - best) if worst > best else 40:.0f}"
    return {
        "kind": found.kind,
        "painted": PAINTED.get(found.kind, "open"),
        "share": share,
        "said": t(found.said),
        "text": t(found.text),
        "small": t(found.small),
    }


# In words


def verdict_list(groups: Sequence[Group]) -> Markup:
    """A sentence for each run, marked with its line's colour."""
    rows = [
        (
            group,
            run.name,
            t(one.verdict.sentence).removeprefix(run.name),
            one.verdict.kind in BAD_KINDS,
        )
        for group in groups
        for run, one in zip(group.runs, group.summaries, strict=True)
    ]
    return render("report/verdicts", rows=rows)
