"""The command line: ``python -m core train|sweep|runs|export|import|adopt|publish|generate``,
``inspect``, ``bench``, ``evidence``, ``mcp`` and ``schema``.

Bad input ends with one line that names the setting and exit status 2. With ``--json`` standard
output then holds that sentence as JSON, as :mod:`core.programs.shapes` describes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from core import cli
from core.data.downloads import CorpusError
from core.files import RefusedFileError, is_full
from core.jobs.processes import worker_environment
from core.language import Message, joined, of_terminal, reason, speaking, t, told
from core.runs import RunError
from core.shown import one_line, printable_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command in the language of the terminal; returns the exit status."""
    with speaking(of_terminal()), cli.spoken_help():
        return _run(arguments)


def parser_of_commands() -> cli.Parser:
    """The parser of every command."""
    parser = cli.Parser(prog="python -m core", description=t("Add & Norm Lab without the browser."))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    cli.train.add_parser(commands)
    cli.sweep.add_parser(commands)
    cli.runs.add_parser(commands)
    cli.export.add_parser(commands)
    cli.export.add_import(commands)
    cli.adopt.add_parser(commands)
    cli.publish.add_parser(commands)
    cli.generate.add_parser(commands)
    cli.inspect.add_parser(commands)
    cli.bench.add_parser(commands)
    cli.evidence.add_parser(commands)
    cli.mcp.add_parser(commands)
    cli.schema.add_parser(commands)
    return parser


def _run(arguments: Sequence[str] | None) -> int:
    parser = parser_of_commands()
    # libgomp reads its environment when torch is imported, which the commands do late.
    os.environ.update(worker_environment())
    typed = sys.argv[1:] if arguments is None else arguments
    # Not from the options: there are none where they can't be read.
    as_json = "--json" in typed

    def refuse(sentence: str | BaseException) -> int:
        if _is_another_rank():
            return 2  # under torchrun the first process says it for all
        print(f"{parser.prog}: {one_line(t(sentence))}", file=sys.stderr)
        if as_json:
            words = told(sentence) if isinstance(sentence, BaseException) else sentence
            print(printable_json({"error": str(words)}))
        return 2

    try:
        cli.refuse_invalid_text(typed)
        options = parser.parse_args(arguments)
        return int(options.run(options) or 0)
    except (cli.UsageError, CorpusError, RefusedFileError, RunError) as error:
        return refuse(error)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has gone; that is its right
        return 0
    except OSError as error:
        if error.strerror is None:
            raise
        sentence = joined([*([error.filename] if error.filename else []), reason(error)], ": ")
        if is_full(error):
            sentence = joined([sentence, Message("free some room, then try again")], "; ")
        return refuse(sentence)


def _is_another_rank() -> bool:
    there = all(name in os.environ for name in ("WORLD_SIZE", "MASTER_ADDR"))
    return there and os.environ.get("RANK", "0") != "0"


def command() -> None:
    """The console script ``add-norm``."""
    sys.exit(main())


if __name__ == "__main__":
    command()
