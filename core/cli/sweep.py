"""``python -m core sweep``: queue an ablation grid from a TOML file, follow it, steer it."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from tqdm import tqdm

from core import durations, grids
from core.catalogue.summary import summary_of
from core.cli.help import RawHelpFormatter
from core.cli.options import (
    UsageError,
    add_fork,
    add_on,
    add_priority,
    add_store,
    fork_of,
    on_of,
    priority_of,
    store_of,
)
from core.config.words import format_value
from core.grids import Cell, Grid, GridError, Plan
from core.jobs import cohorts
from core.jobs import grids as jobs
from core.jobs.elsewhere import LOCAL
from core.jobs.grid_progress import GridCounts, goes_on, progress
from core.jobs.launcher import revive
from core.language import Message, mark, t, told
from core.memory import in_bytes
from core.programs.rows import grid_results, planned
from core.programs.shapes import GridPlanned
from core.runs import RunStore
from core.shown import one_line, padded, printable_json, width

POLL_SECONDS = 0.5
FILE = mark(
    """\
Train every combination of some settings' values. A TOML file says which:

  name    what the grid is called; the file's name where it is left out
  preset  the preset whose settings it starts from; the defaults where it is left out
  fork    "RUN@STEP": all of its runs go on from this checkpoint, with the settings of its run
  [base]  settings that all of its runs share
  [grid]  settings with the list of values that each takes
  seeds   how many seeds each combination is trained with, or a list of them
"""
)
EXAMPLE = """\
name = "Does depth need residual connections?"
seeds = 3

[base]
training.steps = 400
model.width = 32

[grid]
model.residual = ["on", "off"]
model.depth = [4, 12]
"""
VERBS = {
    "pause": mark("paused"),
    "resume": mark("resumed"),
    mark("cancel"): mark("cancelled"),
}


def add_parser(commands: Any) -> None:
    """``sweep`` and its options."""
    parser = commands.add_parser(
        "sweep",
        help=t("train every combination of some settings' values, from a TOML file"),
        description=t(FILE),
        epilog=f"{t('an example:')}\n\n{textwrap.indent(EXAMPLE, '  ')}",
        formatter_class=RawHelpFormatter,
    )
    there = ", ".join(grids.examples())
    parser.add_argument("file", nargs="?", help=t("a TOML file, or one of: {there}", there=there))
    add_fork(parser, mark("let all of its runs go on"))
    add_priority(parser, mark("its runs wait"))
    add_on(parser)
    parser.add_argument(
        "--cohort",
        metavar="N",
        help=t(
            "train up to N of its runs as one batched program where their shapes are equal: off,"
            " auto or N (default: ADDNORM_COHORTS, else auto)"
        ),
    )
    parser.add_argument("--dry-run", action="store_true", help=t("only print what it would be"))
    parser.add_argument("--wait", action="store_true", help=t("follow it to its end"))
    for verb in VERBS:
        parser.add_argument(
            f"--{verb}", metavar="GRID", help=t("{command} all of its runs", command=Message(verb))
        )
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    add_store(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the cells and what they cost, queue them; the grid's id last."""
    store = store_of(options)
    priority = priority_of(options)
    asked = [(verb, part) for verb in VERBS if (part := getattr(options, verb))]
    if len(asked) + bool(options.file) != 1:
        raise UsageError(
            Message("sweep: name one TOML file, or one of --pause, --resume, --cancel GRID")
        )
    for verb, part in asked:
        id = jobs.find(store, part)
        {"pause": jobs.pause, "resume": jobs.resume, "cancel": jobs.cancel}[verb](store, id)
        done = {"grid": id, "done": VERBS[verb]}
        print(printable_json(done) if options.json else f"{id}: {t(VERBS[verb])}")
        return 0
    try:
        grid = grids.load(options.file, partial(fork_of, store), options.fork or "")
    except GridError as error:
        raise UsageError(told(error)) from error
    try:
        cohorts.chosen(options.cohort)  # of the option, else of the environment
    except cohorts.CohortsError as error:
        raise UsageError(told(error)) from error
    if options.cohort is not None:
        os.environ[cohorts.VARIABLE] = options.cohort  # which its runs carry along
    on = on_of(options) or LOCAL
    plan = jobs.admitted(grid.plan(), on=on)
    first = grid.fork.step if grid.fork else 0
    cost = durations.cost(store, [cell.config for cell in plan.runs if cell.config], first=first)
    if cost.problem:
        raise UsageError(Message("data.corpus: {why}", why=cost.problem))
    if not options.json:
        _say(grid, plan, cost)
    made = None if options.dry_run else jobs.start(store, grid, on=on, **priority)
    ended = bool(made and options.wait and follow(store, made))
    if options.json:
        print(printable_json(_answer(store, grid, plan, cost, made, options.wait), indent=1))
    elif made:
        if ended:
            print("\n".join(results(store, made, list(grid.axes))))
        print(made)
    return 0


def _say(grid: Grid, plan: Plan, cost: durations.Cost) -> None:
    """The cells and what they cost, in words."""
    runs = Message("{n} run", "{n} runs", n=len(plan.runs))
    about = Message("{name}: {runs}, {price}", name=grid.name, runs=runs, price=price(cost))
    if grid.fork:
        about = Message(
            "{name}: from {point}, {runs}, {price}",
            name=grid.name,
            point=grid.fork.words,
            runs=runs,
            price=price(cost),
        )
    print(one_line(t(about)))
    print("\n".join(listing(plan, list(grid.axes))))


def _answer(
    store: RunStore, grid: Grid, plan: Plan, cost: durations.Cost, id: str | None, waited: bool
) -> GridPlanned:
    answer = planned(grid, plan, cost, id)
    if id and waited:
        answer["progress"] = progress(store, id)
        answer["results"] = grid_results(jobs.members(store, id), list(grid.axes))
    return answer


def price(cost: durations.Cost) -> str:
    """The time and memory that a grid needs, in words."""
    template = mark("about {time}, {size} with {places} at once")
    if not cost.measured:
        template = mark("about {time}, a guess until the first run, {size} with {places} at once")
    words = durations.in_time(cost.seconds)
    return Message(template, time=words, size=in_bytes(cost.memory), places=cost.places)


def listing(plan: Plan, axes: Sequence[str]) -> list[str]:
    """A line for each cell: its values, and why it was skipped where it did not become a run."""
    same = {id(cell): first for cell, first in plan.merged}

    def note(cell: Cell) -> str:
        if cell.config is None:
            return t("impossible: {reason}", reason=cell.reason)
        if id(cell) in same:
            return t("the same run as {name}", name=same[id(cell)].name)
        flat = cell.config.flat()
        became = {d: flat[d] for d in axes if flat[d] != cell.values[d]} | cell.brought
        words = ", ".join(f"{dotted} {format_value(value)}" for dotted, value in became.items())
        return t("with {words}", words=words) if words else ""

    heads = [dotted.split(".")[1] for dotted in axes]
    rows = [
        [*(format_value(cell.values[dotted]) for dotted in axes), note(cell)] for cell in plan.cells
    ]
    return table([*heads, ""], rows)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns under their heads."""
    lines = [[one_line(text) for text in line] for line in (heads, *rows)]
    widths = [max(width(line[i]) for line in lines) for i in range(len(heads))]
    return [
        "  ".join(padded(text, wide) for text, wide in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def follow(store: RunStore, id: str) -> bool:
    """A progress bar to the end. Ctrl-C leaves the grid at work, and the answer is False."""
    total = progress(store, id)["total"]
    shape = t("{desc} {bar} {n_fmt}/{total_fmt} runs{postfix}")
    with tqdm(total=total, bar_format=shape, desc=one_line(jobs.known(store)[id])) as bar:
        try:
            while goes_on(now := progress(store, id)):
                revive(store)
                show(bar, now)
                time.sleep(POLL_SECONDS)
            show(bar, now)
        except KeyboardInterrupt:
            bar.close()
            print(t("the grid goes on; sweep --cancel {run} ends it", run=id), file=sys.stderr)
            return False
    return True


def show(bar: tqdm[Any], now: GridCounts) -> None:
    """Follow the grid's progress."""
    left = now["seconds_left"]
    words = [
        t("{n} training", n=now["training"]) if now["training"] else "",
        t("{n} paused", n=now["paused"]) if now["paused"] else "",
    ]
    words.append(t("{time} left", time=durations.in_time(left)) if left is not None else "")
    bar.set_postfix_str(", ".join(word for word in words if word), refresh=False)
    bar.n = now["total"] - now["training"] - now["waiting"] - now["paused"]
    bar.refresh()


def results(store: RunStore, id: str, axes: Sequence[str]) -> list[str]:
    """The last losses of a grid's runs, best first."""
    rows = []
    for one in jobs.members(store, id):
        found, flat = summary_of(one), one.config.flat()
        loss = found.validation if found.verdict.kind != "diverged" else None
        order = float("inf") if loss is None else loss
        numbers = ["–" if n is None else f"{n:.3f}" for n in (found.validation, found.loss)]
        rows.append(
            (order, [*(format_value(flat[dotted]) for dotted in axes), *numbers, t(found.words)])
        )
    rows.sort(key=lambda row: row[0])
    heads = [*(dotted.split(".")[1] for dotted in axes), t("validation"), t("training"), t("state")]
    return table(heads, [row for _, row in rows])
