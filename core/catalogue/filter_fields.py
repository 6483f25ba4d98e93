"""The names that a filter knows: the settings, and what else there is to say of a run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, get_args, get_origin

from core.config import choices, settings
from core.language import Message
from core.runs.status import STATES
from core.verdicts.labels import KINDS, STATE_ALIASES

FieldKind = Literal["number", "text", "bool", "texts", "any", "none"]

# Names beside the settings, and what they hold.
OWN: dict[str, FieldKind] = {
    "name": "text",
    "id": "text",
    "state": "text",
    "tags": "texts",
    "note": "text",
    "step": "number",
    "loss": "number",  # the last training loss
    "validation": "number",  # the last validation loss
    "best_loss": "number",
    "best_validation": "number",
    "grid": "text",
    "fork": "text",  # RUN@STEP where it was forked, and the parent's id and name
    "verdict": "text",
}


@cache
def kinds() -> dict[str, FieldKind]:
    """Every name with what it holds: settings by their dotted names, and OWN."""
    found: dict[str, FieldKind] = {}
    for dotted, setting in settings().items():
        of = {_kind(part) for part in get_args(setting.annotation) or (setting.annotation,)}
        of.discard("none")
        found[dotted] = of.pop() if len(of) == 1 else "any"
    return {**found, **OWN}


def _kind(annotation: Any) -> FieldKind:
    if annotation in (bool, int, float):
        return "bool" if annotation is bool else "number"
    if annotation is type(None):
        return "none"
    text = annotation is str or isinstance(annotation, str) or get_origin(annotation) is Literal
    return "text" if text else "any"


@cache
def _by_last_part() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for dotted in settings():
        last = dotted.rpartition(".")[2]
        found[last] = (*found.get(last, ()), dotted)
    return found


def meant(word: str, own: Iterable[str] = ()) -> tuple[str, ...]:
    """The names that a word may stand for: itself, or the settings with this last part.

    `own` are settings that runs from elsewhere brought; the lab's names go before them.
    """
    if word in kinds():
        return (word,)
    if found := _by_last_part().get(word, ()):
        return found
    by_word = {dotted_name(name): name for name in own}
    if word in by_word:
        return (by_word[word],)
    return tuple(name for dotted, name in by_word.items() if dotted.rpartition(".")[2] == word)


def dotted_name(name: str) -> str:
    """A setting from elsewhere as a filter can write it: `optim/lr (max)` is `optim.lr.max`."""
    return re.sub(r"[^\w-]+", ".", name).strip(".")


def is_group(word: str) -> bool:
    """Whether settings begin with this word."""
    return any(name.startswith(f"{word}.") for name in settings())


def words_of(name: str) -> tuple[str, ...]:
    """The words that a name's value can be; () where it may be anything."""
    if name in OWN or not name:
        return {"state": (*STATES, *STATE_ALIASES), "verdict": KINDS}.get(name, ())
    return choices(name) if name in settings() else ()


def near(word: str, own: Iterable[str] = ()) -> str:
    """A hint at the name that a mistyped word resembles, in brackets; else nothing."""
    there = [*kinds(), *_by_last_part(), *map(dotted_name, own)]
    close = difflib.get_close_matches(word, there, n=1, cutoff=0.7)
    if not close:
        return ""
    return Message(" (did you mean {word}?)", word=dotted_name(meant(close[0], own)[0]))
