"""The lab's words: what each means, its formula, and where it can be seen.

They stand in `assets/glossary/terms.toml`, in the order in which they are shown.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.config import ModelConfig
from core.resources import ASSETS

FILE = ASSETS / "glossary" / "terms.toml"


class Term(BaseModel):
    """One word: `formula` in LaTeX, `also` other names, `see` pairs of words and an address.

    `labels` are what the pages call it besides: titles of settings and charts, names of metrics.

    `wiring` are settings of a block that shows it, `picture` is the name of a drawing; a term has
    one of them, or neither.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    group: str
    text: str
    also: str = ""
    labels: tuple[str, ...] = ()
    formula: str = ""
    source: str = ""
    picture: str = ""
    wiring: dict[str, str] = Field(default_factory=dict)
    see: list[tuple[str, str]] = Field(default_factory=list)

    @property
    def model(self) -> ModelConfig | None:
        """The block that shows it, of one layer without a final norm."""
        if not self.wiring:
            return None
        return ModelConfig.model_validate({"depth": 1, "final_norm": "off", **self.wiring})

    @property
    def names(self) -> list[str]:
        """All that it is called: `Loss (cross-entropy)` is loss and cross-entropy, too."""
        parts = re.split(r"[,()]", f"{self.name}, {self.also}")
        return [self.name, *(part.strip() for part in parts if part.strip()), *self.labels]

    @property
    def address(self) -> str:
        """Where it stands on the page."""
        return f"/glossary?term={self.id}"

    def says(self, words: str) -> int:
        """How well it fits what is looked for: 2 by its name, 1 by its text, 0 not at all.

        All words have to be there, in any case, with or without hyphens.
        """
        asked = [_plain(word) for word in words.split()]
        for rank, texts in ((2, (self.name, self.also)), (1, (self.name, self.also, self.text))):
            here = _plain(" ".join(texts))
            if all(word in here for word in asked):
                return rank
        return 0


def _plain(text: str) -> str:
    """Its letters and digits: `warm-up`, `Warm up` and `warmup` are one word."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


@cache
def terms() -> Mapping[str, Term]:
    """All terms by id."""
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return MappingProxyType({id: Term(id=id, **values) for id, values in table.items()})


def found(words: str) -> list[Term]:
    """The terms that fit what is looked for, those that are called so first."""
    ranked = [(term.says(words), term) for term in terms().values()]
    return [term for rank, term in sorted(ranked, key=lambda one: -one[0]) if rank]


@cache
def index() -> Mapping[str, str]:
    """By every name of a term, as `_key` writes it, its id; the first in the file has a name."""
    found: dict[str, str] = {}
    for term in terms().values():
        for name in term.names:
            found.setdefault(_key(name), term.id)
    return MappingProxyType(found)


def called(label: str) -> Term | None:
    """The term that a label names: `Training loss`, `Warm-up`, `heads`; None where there is none.

    A label is a whole name of a term, in any case, in the singular or in the plural.
    """
    found = index().get(_key(label))
    return terms()[found] if found else None


def for_browser() -> dict[str, Any]:
    """The index and the terms' names, as the live views are given them."""
    return {"called": dict(index()), "names": {id: term.name for id, term in terms().items()}}


def _key(label: str) -> str:
    """A label without what does not tell terms apart: case, hyphens, a plural's s."""
    plain = _plain(label)
    return re.sub(r"(?<=..[^s])s$", "", plain)


def groups() -> list[str]:
    """The groups in order."""
    return list(dict.fromkeys(term.group for term in terms().values()))
