"""``python -m core train``: the engine of the dashboard with a progress bar."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from core.cli.options import (
    UsageError,
    add_fork,
    add_priority,
    add_settings,
    add_store,
    config_of,
    fork_of,
    priority_of,
    store_of,
)
from core.jobs.launcher import revive
from core.language import Message, joined, mark, t
from core.programs.rows import trained
from core.programs.training import foreground
from core.runs import Run
from core.shown import one_line, printable_json
from core.trackers import KINDS, UnknownTrackerError, named
from core.trackers.chosen import VARIABLE
from core.verdicts.labels import STATE_LABELS


def add_parser(commands: Any) -> None:
    """``train`` and its options."""
    parser = commands.add_parser("train", help=t("train a model here, with a progress bar"))
    add_settings(parser)
    add_fork(parser, mark("go on"))
    add_store(parser)
    parser.add_argument("--name", default="", help=t("what the run is called"))
    add_priority(parser, mark("it trains at once; resumed later, it waits"))
    parser.add_argument(
        "--log-to",
        metavar="TRACKERS",
        help=t(
            "send what is measured to other programs too: {known}, with commas (default:"
            " ADDNORM_LOG_TO)",
            known=", ".join(KINDS),
        ),
    )
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train in the foreground; prints the run's id last. Ctrl-C stops with a checkpoint."""
    store, priority = store_of(options), priority_of(options)
    try:
        if options.log_to is not None:
            os.environ[VARIABLE] = ",".join(named(options.log_to))
    except UnknownTrackerError as error:
        raise UsageError(joined([mark("log-to"), error.args[0]], ": ")) from error
    steps = getattr(options, "training.steps")
    fork = fork_of(store, options.fork, steps) if options.fork else None
    config = config_of(options, fork)
    made, record = foreground(store, config, options.name, fork, begun=revive, **priority)
    if record.state != "finished":
        words = record.message or _last_alarm(made) or Message("at step {step}", step=record.step)
        label = Message(STATE_LABELS[record.state].word)
        print(one_line(t("the run is {state}: {why}", state=label, why=words)), file=sys.stderr)
    print(printable_json(trained(made)) if options.json else made.id)
    return 1 if record.state in ("failed", "out_of_memory") else 0


def _last_alarm(run: Run) -> str:
    alarms = [e for e in run.events if e["kind"] == "alarm"]
    return alarms[-1]["text"] if alarms else ""
