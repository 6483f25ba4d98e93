"""Catalogues: gettext's PO files, one for each room of the source, below `assets/languages`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from core.resources import ASSETS

SOURCE = "en"
LANGUAGES: dict[str, str] = {"en": "English", "zh": "中文"}
"""Languages that are offered, each by its own name: those whose catalogues are whole."""
DRAFTS: dict[str, str] = {}
"""Languages that are being written: shown to who asks for them by name, offered to nobody."""
FOLDER = ASSETS / "languages"

Forms = tuple[str, ...]


class Catalogue:
    """Translations of templates into one language, `forms` in the order of its plurals."""

    def __init__(self, forms: dict[str, Forms], plural: Callable[[int], int]) -> None:
        self.forms, self._plural = forms, plural

    def form(self, template: str, n: float | None = None) -> str | None:
        """The translated template, the one for `n` of a plural; None where there is none."""
        found = self.forms.get(template)
        if not found:
            return None
        if len(found) == 1 or n is None:
            return found[0]
        return found[min(self._plural(int(n)), len(found) - 1)]


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of a language; an empty one for the source, or where there is no file."""
    forms: dict[str, Forms] = {}
    rule = "(n != 1)"
    for path in files(language):
        # Here, because it takes 50 ms that English never needs.
        from babel.messages.pofile import read_po

        with path.open("rb") as file:
            found = read_po(file, locale=language)
        rule = found.plural_expr
        for message in found:
            ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
            texts = (
                message.string if isinstance(message.string, tuple | list) else (message.string,)
            )
            if ids[0] and all(texts) and not message.fuzzy:
                forms.setdefault(str(ids[0]), tuple(map(str, texts)))
    return Catalogue(forms, _plural(rule))


def files(language: str) -> list[Path]:
    """The PO files of a language, one for each room."""
    return sorted((FOLDER / language).glob("*.po"))


def _all(said: Any) -> Forms:
    return tuple(map(str, said)) if isinstance(said, tuple | list) else (str(said or ""),)


def _plural(rule: str) -> Callable[[int], int]:
    """Which form a number takes, from the C expression of a PO file's head."""
    from gettext import c2py  # the standard library's own reader of it

    return c2py(rule)
