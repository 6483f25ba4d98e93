"""A parameter of an address, and the one reader of them. Pure, no Streamlit.

A value that can't be is a sentence, and the default is used instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from core.language import Message

T = TypeVar("T")
Address = Mapping[str, str]
Problems = dict[str, list[str]]  # sentences by the parameter's name
MOST = 60  # letters of a wrong value that are repeated


class PartlyError(ValueError):
    """Raised by a parser that can take a part: `value`; `sentences` say what it can't take."""

    def __init__(self, value: Any, sentences: Iterable[str]) -> None:
        self.value, self.sentences = value, list(sentences)
        super().__init__(*self.sentences)


def as_text(value: Any) -> str:
    """A value as an address has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return str(value)


@dataclass(frozen=True)
class Param(Generic[T]):
    """One parameter.

    `parse` raises ValueError with what would be accepted, or `PartlyError`. `spellings` are further
    names under which it may stand; the last one that is there wins, its own name over all.
    `called`: how sentences call it, unless by the name under which it stands. `always`: whether the
    address says its default too.
    """

    name: str
    default: T
    parse: Callable[[str], T]
    format: Callable[[T], str] = as_text
    spellings: tuple[str, ...] = ()
    called: str = ""
    always: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Every name under which it may stand, its own last."""
        return (*self.spellings, self.name)

    def read(self, address: Address) -> tuple[T, list[str]]:
        """Its value in an address, and a sentence for each part that can't be taken."""
        value = self.default
        sentences: list[str] = []
        for name in self.names:
            if not address.get(name):
                continue
            try:
                value = self.parse(address[name])
            except PartlyError as error:
                value, sentences = error.value, [*sentences, *error.sentences]
            except ValueError as error:
                sentences.append(self.complaint(name, address[name], error))
        return value, sentences

    def complaint(self, name: str, text: str, why: ValueError) -> Message:
        """The sentence on a text that is refused."""
        values = {"name": self.called or name, "text": text[:MOST], "why": why}
        if self.default is None or self.default in ("", (), []):
            return Message(
                "The address says {name} = {text}, which is not possible ({why}).", **values
            )
        return Message(
            "The address says {name} = {text}, which is not possible ({why}); {default} is used.",
            default=self.format(self.default),
            **values,
        )

    def text(self, value: T) -> str:
        """The value as the address writes it; empty for a default that it leaves out."""
        return "" if value == self.default and not self.always else self.format(value)


def read(params: Iterable[Param[Any]], address: Address) -> tuple[dict[str, Any], Problems]:
    """The values of parameters by name, and what the address got wrong."""
    values: dict[str, Any] = {}
    problems: Problems = {}
    for param in params:
        values[param.name], sentences = param.read(address)
        if sentences:
            problems[param.name] = sentences
    return values, problems


# Parsers


def among(words: Collection[str]) -> Callable[[str], str]:
    """One of a few words."""

    def parse(text: str) -> str:
        if text in words:
            return text
        near = difflib.get_close_matches(text, words, n=1)
        more = " …" if len(words) > 8 else ""
        listed = f"{', '.join([*words][:8])}{more}"
        if near:
            raise ValueError(
                Message("did you mean {near}? accepted: {words}", near=near[0], words=listed)
            )
        raise ValueError(Message("accepted: {words}", words=listed))

    return parse


def word(name: str, words: Collection[str], default: str | None = None) -> Param[str]:
    """A parameter that is one of a few words, the first unless another is the default."""
    return Param(name, next(iter(words), "") if default is None else default, among(words))


def several(words: Collection[str]) -> Callable[[str], list[str]]:
    """Some of a few words."""
    one = among(words)
    return lambda text: [one(part) for part in text.split(",")]


def within(kind: type, low: float, high: float) -> Callable[[str], Any]:
    """A number within limits, both included."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            limits = {"low": low, "high": high}
            if kind is int:
                raise ValueError(
                    Message("accepted: a whole number from {low:g} to {high:g}", **limits)
                )
            raise ValueError(Message("accepted: a number from {low:g} to {high:g}", **limits))
        return value

    return parse


def no_longer(most: int) -> Callable[[str], str]:
    """A text of at most so many letters."""

    def parse(text: str) -> str:
        if len(text) > most:
            raise ValueError(Message("accepted: at most {most} letters", most=most))
        return text

    return parse


def ids(known: Container[str], most: int = 3) -> Callable[[str], tuple[str, ...]]:
    """Runs by their ids, as `a,b`; those that are not `known` are left out with a sentence."""

    def parse(text: str) -> tuple[str, ...]:
        named = [id for id in dict.fromkeys(text.split(",")) if id]
        missing = [id for id in named if id not in known]
        found = tuple(id for id in named if id in known)
        if not missing:
            return found
        said = [
            Message("The address names run {run}, which is not here.", run=id[:80])
            for id in missing[:most]
        ]
        if len(missing) > most:
            more = len(missing) - most
            said.append(
                Message(
                    "The address names {n} more run that is not here.",
                    "The address names {n} more runs that are not here.",
                    n=more,
                )
            )
        raise PartlyError(found, said)

    return parse


def runs(name: str, known: Container[str]) -> Param[tuple[str, ...]]:
    """A parameter that names runs."""
    return Param(name, (), ids(known))
