"""The names that a filter knows: the settings, and what else there is to say of a run."""

from __future__ import annotations

import difflib
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


def meant(word: str) -> tuple[str, ...]:
    """The names that a word may stand for: itself, or the settings with this last part."""
    return (word,) if word in kinds() else _by_last_part().get(word, ())


def is_group(word: str) -> bool:
    """Whether settings begin with this word."""
    return any(name.startswith(f"{word}.") for name in settings())


def words_of(name: str) -> tuple[str, ...]:
    """The words that a name's value can be; () where it may be anything."""
    if name in OWN or not name:
        return {"state": (*STATES, *STATE_ALIASES), "verdict": KINDS}.get(name, ())
    return choices(name)


def near(word: str) -> str:
    """A hint at the name that a mistyped word resembles, in brackets; else nothing."""
    close = difflib.get_close_matches(word, [*kinds(), *_by_last_part()], n=1, cutoff=0.7)
    return Message(" (did you mean {word}?)", word=meant(close[0])[0]) if close else ""
