"""The words of argparse's own, in the language that is spoken."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.language import mark, t

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
