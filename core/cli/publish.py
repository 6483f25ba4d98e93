"""``python -m core publish``: runs as a folder that any static host serves."""

from __future__ import annotations

import argparse
import importlib
import json
import math
from typing import Any

from core.catalogue import index
from core.catalogue.entry import own_settings
from core.catalogue.filters import FilterError, parse
from core.cli.options import UsageError, add_store, find
from core.files import expanded
from core.language import LANGUAGES, Message, current, speaking, t, told
from core.runs import Run, RunStore
from core.shown import one_line

# Its charts are the dashboard's, which `core` does without and must not import.
PAGES = "dashboard.publish.command"
MEGABYTES = 10.0


def add_parser(commands: Any) -> None:
    """``publish`` and its options."""
    parser = commands.add_parser(
        "publish", help=t("runs as a folder with their charts, for any static host")
    )
    parser.add_argument(
        "ids", nargs="*", metavar="RUN",
        help=t("a run's id, a part only it has, or its name (default: all runs)"),
    )  # fmt: skip
    parser.add_argument("--to", required=True, metavar="DIR", help=t("the folder of the page"))
    parser.add_argument(
        "--filter", metavar="WORDS", help=t("only runs that fit, such as 'depth >= 12'")
    )
    parser.add_argument("--title", default="", help=t("the page's title (default: from the runs)"))
    parser.add_argument(
        "--lang", choices=sorted(LANGUAGES), help=t("the page's language (default: this one)")
    )
    parser.add_argument(
        "--megabytes", default=str(MEGABYTES), metavar="N",
        help=t("about how large it may be; attention fills what is left (default: 10)"),
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    add_store(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the page; prints its size, what stayed at home and where it is."""
    store = RunStore(options.runs_dir)
    runs, size = _runs(store, options), _size(options.megabytes)
    try:
        pages = importlib.import_module(PAGES)
    except ModuleNotFoundError as error:
        raise UsageError(
            Message(
                "publish needs the dashboard, and {package} is not installed: install"
                " add-and-norm-lab with all that it needs",
                package=error.name,
            )
        ) from error
    with speaking(options.lang or current()):
        values, lines = pages.command(store, runs, expanded(options.to), options.title, size)
    if options.json:
        print(json.dumps(values))
    else:
        for line in lines:
            print(one_line(line))
    return 0


def _runs(store: RunStore, options: argparse.Namespace) -> list[Run]:
    """The runs that were named, in their order; without names all that the filter lets pass."""
    runs = [_named(store, word) for word in options.ids] or store.list()
    runs = list({run.id: run for run in runs}.values())
    if options.filter:
        try:
            kept = parse(options.filter, own_settings(map(index.of_run, runs)))
        except FilterError as error:
            raise UsageError(Message("filter, {error}", error=told(error))) from error
        runs = [run for run in runs if kept.matches(index.of_run(run).values)]
    if not runs:
        raise UsageError(
            Message("there is no such run in {folder}; `runs list` shows them", folder=store.root)
        )
    return runs


def _named(store: RunStore, word: str) -> Run:
    """The run with this id, part of an id, or name. Raises UsageError."""
    called = [run for run in store.list() if run.name == word]
    return called[0] if len(called) == 1 else find(store, word, option="run")


def _size(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 6 <= size <= 2000:
        raise UsageError(
            Message("megabytes: {text!r}; accepted: a number from 6 to 2000", text=text[:40])
        )
    return size
