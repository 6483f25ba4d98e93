"""The command line: ``python -m core train|sweep|runs|export|import|adopt|generate|inspect|bench``
and ``evidence``.

Bad input ends with one line that names the setting and exit status 2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from core import cli
from core.data.downloads import CorpusError
from core.files import RefusedFileError, is_full
from core.jobs.processes import worker_environment
from core.language import Message, joined, of_terminal, reason, speaking, t
from core.runs import RunError
from core.shown import one_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command in the language of the terminal; returns the exit status."""
    with speaking(of_terminal()), cli.spoken_help():
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    parser = cli.Parser(prog="python -m core", description=t("Add & Norm Lab without the browser."))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    cli.train.add_parser(commands)
    cli.sweep.add_parser(commands)
    cli.runs.add_parser(commands)
    cli.export.add_parser(commands)
    cli.export.add_import(commands)
    cli.adopt.add_parser(commands)
    cli.generate.add_parser(commands)
    cli.inspect.add_parser(commands)
    cli.bench.add_parser(commands)
    cli.evidence.add_parser(commands)
    # libgomp reads its environment when torch is imported, which the commands do late.
    os.environ.update(worker_environment())
    try:
        cli.refuse_invalid_text(sys.argv[1:] if arguments is None else arguments)
        options = parser.parse_args(arguments)
        return int(options.run(options) or 0)
    except (cli.UsageError, CorpusError, RefusedFileError, RunError) as error:
        print(f"{parser.prog}: {one_line(t(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has gone; that is its right
        return 0
    except OSError as error:
        if error.strerror is None:
            raise
        sentence = joined([*([error.filename] if error.filename else []), reason(error)], ": ")
        if is_full(error):
            sentence = joined([sentence, Message("free some room, then try again")], "; ")
        print(f"{parser.prog}: {one_line(t(sentence))}", file=sys.stderr)
        return 2


def command() -> None:
    """The console script ``add-norm``."""
    sys.exit(main())


if __name__ == "__main__":
    command()
