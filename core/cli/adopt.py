"""``python -m core adopt``: a pretrained model becomes a run."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from core.cli.options import add_store, store_of
from core.config import DataConfig
from core.language import Message, t
from core.shown import one_line


def add_parser(commands: Any) -> None:
    """``adopt`` and its options."""
    parser = commands.add_parser("adopt", help=t("make a run of a pretrained model"))
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help=t(
            "a folder of `transformers` with safetensors, a .gguf file, or a model of the Hugging"
            " Face hub as OWNER/NAME"
        ),
    )
    parser.add_argument(
        "--name", default="", help=t("what the run is called (default: as its source)")
    )
    parser.add_argument(
        "--context", type=int, metavar="TOKENS",
        help=t("how many it sees at once (default: 256, or as many as it has)"),
    )  # fmt: skip
    parser.add_argument(
        "--text",
        metavar="FILE",
        help=t("held-out text to measure it on (default: python-reference)"),
    )
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    add_store(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Take in a model; prints the new run's id."""
    from core.pretrained.adopt import adopt

    shown = [-1]

    def report(share: float, doing: Message) -> None:
        if sys.stderr.isatty() and int(100 * share) > shown[0]:
            shown[0] = int(100 * share)
            print(f"\r{t(doing)} {share:.0%}", end="", file=sys.stderr)

    data = DataConfig(corpus="file", path=options.text) if options.text else None
    one = adopt(
        store_of(options), options.source, name=options.name, context=options.context, data=data,
        report=report,
    )  # fmt: skip
    if shown[0] >= 0:
        print(file=sys.stderr)
    print(json.dumps({"id": one.id, "source": one.source["sha256"]}) if options.json
          else one_line(one.id))  # fmt: skip
    return 0
