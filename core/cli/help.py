"""Help in the language that is spoken: argparse's own words, lines of letters of two columns."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.language import mark, t
from core.shown import width

WORDS = (
    mark("usage: "),
    mark("positional arguments"),
    mark("options"),
    mark("show this help message and exit"),
    mark("the following arguments are required: %s"),
    mark("argument %(argument_name)s: %(message)s"),
    mark("invalid choice: %(value)r (choose from %(choices)s)"),
    mark("invalid %(type)s value: %(value)r"),
    mark("expected one argument"),
    mark("expected at most one argument"),
    mark("expected at least one argument"),
    mark("not allowed with argument %s"),
    mark("one of the arguments %s is required"),
    mark("ignored explicit argument %r"),
)


@contextmanager
def spoken_help() -> Iterator[None]:
    """Within a block argparse speaks as the rest of the command line does.

    It asks functions of gettext's, by names of its module; the catalogues of the terminal that
    those read hold none of ours.
    """
    module: Any = argparse
    before = module._, module.ngettext
    module._, module.ngettext = t, lambda one, many, n: t(one if n == 1 else many)
    try:
        yield
    finally:
        module._, module.ngettext = before


# A letter of two columns with the marks that close what it ends, a word, or what lies between.
PIECES = re.compile(
    r"[（“《]*[\u2e80-\u9fff\uff00-\uffef][，。；：、！？）”》]*|[^\s\u2e80-\u9fff\uff00-\uffef]+"
    r"[，。；：、！？）”》]*|\s+"
)


def wrapped(text: str, columns: int) -> list[str]:
    """A text in lines of at most so many columns, broken between words or Chinese letters."""
    lines = [""]
    for piece in PIECES.findall(" ".join(text.split())):
        if lines[-1] and width(lines[-1]) + width(piece.rstrip()) > columns:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


def _is_wide(text: str) -> bool:
    return width(text) != len(text)


class HelpFormatter(argparse.HelpFormatter):
    """argparse's own, which counts letters, but for texts with letters of two columns."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(text, width) if _is_wide(text) else super()._split_lines(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if not _is_wide(text):
            return super()._fill_text(text, width, indent)
        return "\n".join(indent + line for line in wrapped(text, width - len(indent)))


class RawHelpFormatter(HelpFormatter, argparse.RawDescriptionHelpFormatter):
    """As above, with a description that stands as it was written."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return argparse.RawDescriptionHelpFormatter._fill_text(self, text, width, indent)
