"""The tables and lists of a report, as HTML. Every text of a user is escaped."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import product
from typing import Any

from core.catalogue.means import mean_of, times
from core.catalogue.outcomes import Cell, Outcome, cell, outcome
from core.catalogue.summary import Digest, digest
from core.config import RunConfig, choices, overrides, settings
from core.verdicts.labels import BAD_KINDS
from dashboard.report.series import Group, experiment
from dashboard.ui.palette import run_colour

SIDE_BY_SIDE = 6  # lines whose settings stand in columns; of more, runs are counted
MOST_ROWS = 30  # shown at once; the rest unfolds
SEED = "training.seed"
MOST_CELLS = 200


def written(value: Any) -> str:
    """A setting's value as people write it."""
    if isinstance(value, list | tuple):
        return overrides.text(value, people=True) or "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value in (None, "") else str(value)


def title_of(dotted: str) -> str:
    """A setting's own title."""
    found = settings().get(dotted)
    return str(found.title) if found is not None else dotted


def dot(group: Group) -> str:
    """A line's colour; variables, because it follows light and dark."""
    light, dark = run_colour(group.colour, "light"), run_colour(group.colour, "dark")
    return f'<span class="dot" style="background:light-dark({light},{dark})"></span>'


def folded(rows: Sequence[str], wrap: str, words: str) -> str:
    """Rows in `wrap` (with {}), those beyond the first in a fold."""
    shown = wrap.replace("{}", "".join(rows[:MOST_ROWS]))
    if len(rows) <= MOST_ROWS:
        return shown
    rest = re.sub("<caption>.*?</caption>", "", wrap).replace("{}", "".join(rows[MOST_ROWS:]))
    more = f"{len(rows) - MOST_ROWS} more {words}"
    return f"{shown}<details><summary>{more}</summary>{rest}</details>"


# What was trained


def trained_table(groups: Sequence[Group], number: int) -> str:
    """One row for each line: its state and its losses, mean and spread over its runs."""
    head = (
        "<thead><tr><th>Run</th><th>State</th><th class='number'>Steps</th>"
        "<th class='number'>Training loss</th><th class='number'>Validation loss</th>"
        "<th class='number'>Best</th></tr></thead>"
    )
    caption = (
        f"<caption><b>Table {number}.</b> What was trained. Losses are the last ones, in nats;"
        " where several seeds make a row, their mean and standard deviation, repeats of a seed"
        " averaged first. What diverged has none.</caption>"
    )
    rows = [_trained_row(group) for group in groups]
    return folded(
        rows,
        f"<div class='scroll'><table class='trained'>{caption}{head}"
        "<tbody>{}</tbody></table></div>",
        "rows",
    )


def _trained_row(group: Group) -> str:
    found = group.digests
    count = times([experiment(run) for run in group.runs])
    several = f" <span class='note'>{count}</span>" if count else ""
    # Of several runs only what became of them, not at which step.
    states = Counter(w if len(found) == 1 else w.split(" at ")[0].split(",")[0] for w in
                     (one.words for one in found))  # fmt: skip
    words = ", ".join(w if n == len(found) else f"{n} {w}" for w, n in states.items())

    def last(of: Callable[[Digest], float | None]) -> str:
        sound = [None if one.verdict.kind == "diverged" else of(one) for one in found]
        return _mean(group, sound)

    bad = " class='bad'" if any(one.verdict.kind in BAD_KINDS for one in found) else ""
    steps = sorted({one.step for one in found})
    span = f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,}–{steps[-1]:,}"
    return (
        f"<tr><th>{dot(group)}{escape(group.name)}{several}</th><td{bad}>{escape(words)}</td>"
        f"<td class='number'>{span}</td>"
        f"<td class='number'>{last(lambda one: one.loss)}</td>"
        f"<td class='number'>{last(lambda one: one.validation)}</td>"
        f"<td class='number'>{last(lambda one: one.best_validation)}</td></tr>"
    )


def _mean(group: Group, numbers: Sequence[float | None]) -> str:
    """Mean and standard deviation over seeds; of how many runs, where not all have a number."""
    found = mean_of(zip(map(experiment, group.runs), numbers, strict=True))
    if found.value is None:
        return "–"
    spread = [] if found.deviation is None else [f"± {found.deviation:.3f}"]
    of = [] if found.whole else [f"({found.count} of {found.of})"]
    beside = " ".join(spread + of)
    return f"{found.value:.3f}" + (f" <span class='spread'>{beside}</span>" if beside else "")


# What differs


def varied(groups: Sequence[Group]) -> dict[str, list[list[Any]]]:
    """The settings that are not the same in all runs, for each line the values of its runs.

    The seed, where lines are of several seeds, is none of them.
    """
    flats = [[run.config.flat() for run in group.runs] for group in groups]
    first = flats[0][0]
    found = {
        name: [[flat[name] for flat in own] for own in flats]
        for name in first
        if any(flat[name] != first[name] for own in flats for flat in own)
    }
    if any(len({flat[SEED] for flat in own}) > 1 for own in flats):
        found.pop(SEED, None)
    return found


def _common_value(values: Sequence[Any]) -> str:
    """What the runs of a line share, else their few values."""
    distinct = list(dict.fromkeys(map(written, values)))
    return ", ".join(distinct) if len(distinct) <= 4 else f"{len(distinct)} values"


def difference_table(groups: Sequence[Group], number: int) -> str:
    """The settings in which the lines differ, in the settings' own words."""
    found = varied(groups)
    equal = len(RunConfig().flat()) - len(found)
    if not found:
        return f"<p>All {equal} settings are the same{_seeds(groups)}.</p>"
    narrow = len(groups) <= SIDE_BY_SIDE
    heads = [f"{dot(g)}{escape(g.name)}" for g in groups] if narrow else ["Values"]
    rows = []
    for name, values in found.items():
        cells = [_common_value(own) for own in values] if narrow else [_counted(values)]
        tds = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        own = f"{escape(title_of(name))}<span class='dotted'>{escape(name)}</span>"
        rows.append(f"<tr><th>{own}</th>{tds}</tr>")
    head = "".join(f"<th>{one}</th>" for one in heads)
    return (
        f"<div class='scroll'><table class='differences'><caption><b>Table {number}.</b> The"
        f" settings that differ; the other {equal} are the same{_seeds(groups)}.</caption>"
        f"<thead><tr><th>Setting</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _seeds(groups: Sequence[Group]) -> str:
    seeds = {run.config.training.seed for group in groups for run in group.runs}
    several = any(len({run.config.training.seed for run in g.runs}) > 1 for g in groups)
    return f" but for the seed ({_listed(seeds)})" if several else ""


def _listed(numbers: set[int]) -> str:
    ordered = sorted(numbers)
    return ", ".join(map(str, ordered[:8])) + (", …" if len(ordered) > 8 else "")


def _counted(values: Sequence[Sequence[Any]]) -> str:
    """`pre ×12 · post ×12`: how many runs have each value."""
    counts: Counter[str] = Counter()
    counts.update(written(value) for own in values for value in own)
    rest = [f"{len(counts) - 8} more"] if len(counts) > 8 else []
    return " · ".join([f"{value} ×{n}" for value, n in counts.most_common(8)] + rest)


def equal_table(groups: Sequence[Group]) -> str:
    """Every setting that is the same everywhere, folded."""
    flat, apart = groups[0].runs[0].config.flat(), varied(groups)
    rows = "".join(
        f"<tr><th>{escape(title_of(name))}<span class='dotted'>{escape(name)}</span></th>"
        f"<td>{escape(written(value))}</td></tr>"
        for name, value in flat.items()
        if name not in apart and name != SEED
    )
    return (
        "<details><summary>The settings that are the same everywhere</summary>"
        f"<table class='equal'><tbody>{rows}</tbody></table></details>"
    )


# Which trained?


@dataclass(frozen=True)
class Matrix:
    """A grid of settings: each row and column is one value of each of its settings."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[tuple[Any, ...], tuple[Any, ...]], Cell]


def matrix(groups: Sequence[Group]) -> Matrix | None:
    """The runs as a grid, where at least half of the combinations of what differs are there.

    A setting whose value follows from another's (no placement, no norm) is no axis.
    """
    runs = [run for group in groups for run in group.runs]
    flats = [run.config.flat() for run in runs]
    found = {name: [written(flat[name]) for flat in flats] for name in varied(groups)}
    names = [name for name in found if not _follows(name, found)]
    if not 1 <= len(names) <= 3 or len(groups) < 2:
        return None
    names.sort(key=lambda name: len(set(found[name])))
    rows, columns = tuple(names[:-1]), tuple(names[-1:])
    size = math.prod(len(set(found[name])) for name in names)
    if size > MOST_CELLS or len(set(zip(*(found[n] for n in names), strict=True))) < size / 2:
        return None
    cells: dict[tuple[tuple[Any, ...], tuple[Any, ...]], list[Outcome]] = {}
    for i, run in enumerate(runs):
        key = tuple(found[n][i] for n in rows), tuple(found[n][i] for n in columns)
        cells.setdefault(key, []).append(outcome(digest(run), experiment(run)))
    return Matrix(rows, columns, {key: cell(own) for key, own in cells.items()})


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


def matrix_table(found: Matrix, number: int) -> str:
    """Which trained: the mean of the last validation losses, dead and diverged cells marked."""
    tops = [_ordered(n, {c[i] for _, c in found.cells}) for i, n in enumerate(found.columns)]
    sides = [_ordered(n, {r[i] for r, _ in found.cells}) for i, n in enumerate(found.rows)]
    losses = [one.value for one in found.cells.values() if one.value is not None]
    best, worst = min(losses, default=0.0), max(losses, default=1.0)
    head = "".join(f"<th>{escape(' · '.join(c))}</th>" for c in product(*tops))
    body = ""
    for row in product(*sides):
        cells = "".join(
            _cell(found.cells.get((row, column), Cell("empty")), best, worst)
            for column in product(*tops)
        )
        body += f"<tr><th>{escape(' · '.join(row))}</th>{cells}</tr>"
    side = " × ".join(title_of(n) for n in found.rows)
    words = f"{side}, by " if side else ""
    words += " × ".join(title_of(n) for n in found.columns)
    return (
        f"<div class='above'><b>Table {number}. Which trained?</b>"
        f" {escape(words[:1].upper() + words[1:].lower())}. The last validation loss (else the"
        " mean of the last training losses), the mean over the runs of a cell as each says: the"
        " greener the lower; red has learned nothing from its input, hatched has diverged.</div>"
        "<div class='scroll'><table class='matrix' id='which-trained'>"
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _ordered(name: str, values: set[str]) -> list[str]:
    """Numbers by size, words in the order of the setting's choices."""
    words = choices(name) if name in settings() else ()

    def key(value: str) -> tuple[int, float, str]:
        if value in words:
            return 1, words.index(value), value
        try:
            return 0, float(value), value
        except ValueError:
            return 2, 0.0, value

    return sorted(values, key=key)


PAINTED = {"learned": "learned", "mixed": "learned", "dead": "dead", "diverged": "diverged",
           "failed": "diverged", "stopped": "diverged"}  # fmt: skip


def _cell(found: Cell, best: float, worst: float) -> str:
    """As the page shows it: its number or word, and of how many runs."""
    if found.kind == "empty":
        return "<td class='open'>–</td>"
    style = ""
    if found.value is not None:
        share = 14 + 50 * (worst - found.value) / (worst - best) if worst > best else 40
        style = f" style='--share:{share:.0f}'"
    small = f"<small>{escape(found.small)}</small>" if found.small else ""
    name = PAINTED.get(found.kind, "open")
    return (
        f"<td class='{name}'{style} title='{escape(found.said)}'>{escape(found.text)}{small}</td>"
    )


# In words


def verdict_list(groups: Sequence[Group]) -> str:
    """A sentence for each run, marked with its line's colour."""
    items = []
    for group in groups:
        for run, one in zip(group.runs, group.digests, strict=True):
            bad = " class='bad'" if one.verdict.kind in BAD_KINDS else ""
            rest = one.verdict.sentence.removeprefix(run.name)
            items.append(f"<li{bad}>{dot(group)}<b>{escape(run.name)}</b>{escape(rest)}</li>")
    return folded(items, "<ul class='verdicts'>{}</ul>", "runs")
