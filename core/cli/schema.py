"""``python -m core schema``: the JSON schemas of what commands answer with ``--json``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from core.cli.options import UsageError
from core.language import Message, t


def add_parser(commands: Any) -> None:
    """``schema`` and its words."""
    parser = commands.add_parser(
        "schema", help=t("the JSON schema of what a command answers with --json")
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="COMMAND",
        help=t("one command, as `runs list` or `inspect lens`; `error`: what it refuses with"),
    )
    parser.add_argument("--json", action="store_true", help=t("refusals as JSON too"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print one schema, or all by command."""
    from core.programs.shapes import schemas

    known = schemas()
    asked = " ".join(options.words)
    if asked and asked not in known:
        raise UsageError(
            Message(
                "COMMAND: {asked} answers no JSON; accepted: {known}",
                asked=asked,
                known=", ".join(known),
            )
        )
    print(json.dumps(known[asked] if asked else known, indent=1))
    return 0
