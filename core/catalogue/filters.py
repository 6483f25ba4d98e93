"""Filters over runs, written as expressions: ``model.depth >= 12 and placement == "post"``.

The text is parsed with :mod:`ast` and each node checked against a whitelist; nothing is ever
evaluated as Python. What is accepted:

- ``== != < <= > >=``, chained too (``4 <= depth < 12``); ``in`` and ``not in`` a tuple, a list, the
  tags or a text; ``and``, ``or``, ``not``, parentheses;
- numbers, quoted text, ``true``, ``false``, ``none``, and bare words that are not names
  (``placement in (pre, post)``, ``data.corpus == tiny-shakespeare``);
- the settings by their dotted names or their last part (``model.depth``, ``depth``), and `OWN`.

Text is compared without regard to case. What a run does not have (no loss yet, NaN) fails every
comparison; ``validation == none`` finds it. A word or quoted text that stands where a condition
could is searched for in the run's name, id, state, tags, note and settings, and so is every word
of a text that is not an expression.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from core.catalogue.expressions import Conditions, FilterError, Values, holds
from core.language import Message

__all__ = ["Filter", "FilterError", "parse"]

LONGEST = 1000  # characters of a filter
QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


@dataclass(frozen=True)
class Filter:
    """A condition on a run's values. `names`: the names that it asks for, empty for a search."""

    text: str
    names: frozenset[str] = frozenset()
    _test: Callable[[Values], Any] = field(default=lambda values: True, repr=False, compare=False)

    def matches(self, values: Values) -> bool:
        """Whether a run with these values (`summary.values`) passes the filter; never raises."""
        return bool(self._test(values))


def parse(text: str, own: Collection[str] = ()) -> Filter:
    """The filter that a text says; an empty one lets every run pass. Raises FilterError.

    `own` are the settings that runs from elsewhere brought (`entry.own_settings`): a filter may
    name them as it may name the lab's.
    """
    text = re.sub(r"\s", " ", text).rstrip()
    text = text.replace("≥", ">=").replace("≤", "<=").replace("≠", "!=")
    if len(text) > LONGEST:
        raise FilterError(
            Message("the filter has {n:,} characters", n=len(text)),
            LONGEST,
            Message("accepted: at most {most:,}", most=LONGEST),
        )
    form = _form(text)
    if form == "search":
        return _search(text)
    lead = len(text) - len(text.lstrip())
    try:
        if "#" in re.sub(QUOTED, "", text):
            raise FilterError(Message("# begins nothing here"), text.index("#") + 1)
        tree = ast.parse(text.lstrip(), mode="eval").body
        parser = Conditions(text.lstrip(), lead, own)
        test = parser.condition(tree, 0)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if form == "words":
            return _search(text)  # "not in the mood" is a search, not an expression
        if isinstance(error, FilterError):
            raise
        raise _unreadable(text, error, lead) from None
    return Filter(text, frozenset(parser.names), test)


def _form(text: str) -> Literal["search", "words", "expression"]:
    """Whether a text is an expression; `words` may be one, if its words can be read so."""
    bare = re.sub(QUOTED, "quoted", text)
    if re.search(r"[<>]|[!=]=|\b(in|and|or|not)\s*[(\[]", bare):
        return "expression"
    single = re.search(r"=", bare)
    if single and re.search(r"\s=|=\s|\b(and|or|not)\b", bare):
        return "expression"  # which a single = makes unreadable, and the sentence says so
    joined = re.search(r"(^|\s)(in|and|or|not)\s", bare)
    return "words" if joined and bare == text else "expression" if joined else "search"


def _unreadable(text: str, error: BaseException, lead: int) -> FilterError:
    bare = re.sub(QUOTED, lambda found: "_" * len(found.group()), text)
    single = re.search(r"(?<![<>=!])=(?!=)", bare)
    if single:
        return FilterError(Message("= alone compares nothing, write =="), single.start() + 1)
    if not isinstance(error, SyntaxError):
        return FilterError(
            Message("this is nested too deeply"), 1, Message("accepted: fewer levels")
        )
    if "never closed" in error.msg:
        return FilterError(Message("this bracket is never closed"), (error.offset or 1) + lead)
    column = (error.offset or 0) + lead
    if not error.offset or column > len(text) or text.endswith(("and", "or", "not", "in", "=")):
        return FilterError(Message("the filter ends before it is complete"), len(text) + 1)
    return FilterError(
        Message("this can't be read from {text!r} on", text=text[column - 1 :][:20]), column
    )


# Searching


def _search(text: str) -> Filter:
    needles = [
        (quoted or word).lower() for quoted, word in re.findall(r'"([^"]+)"|([^\s"]+)', text)
    ]
    return Filter(text, frozenset(), lambda values: holds(values, needles))
