"""The lab's words: what each means, its formula, and where it can be seen.

They stand in `assets/glossary/terms.toml`, in the order in which they are shown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

from core.config import ModelConfig
from core.resources import ASSETS

FILE = ASSETS / "glossary" / "terms.toml"


class Term(BaseModel):
    """One word: `formula` in LaTeX, `also` other names, `see` pairs of words and an address.

    `wiring` are settings of a block that shows it, `picture` is the name of a drawing; a term has
    one of them, or neither.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    group: str
    text: str
    also: str = ""
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

    def says(self, words: str) -> bool:
        """Whether all these words stand in it, in any case."""
        here = " ".join((self.name, self.also, self.text, self.group)).casefold()
        return all(word in here for word in words.casefold().split())


@cache
def terms() -> Mapping[str, Term]:
    """All terms by id."""
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return MappingProxyType({id: Term(id=id, **values) for id, values in table.items()})


def groups() -> list[str]:
    """The groups in order."""
    return list(dict.fromkeys(term.group for term in terms().values()))
