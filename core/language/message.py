"""A sentence together with what it was made from."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from numbers import Number
from typing import Any

from core.language.catalogues import SOURCE, catalogue
from core.language.choice import current

Values = Mapping[str, Any]
# What a file may ask of a template that it brings along: names and short formats of numbers, so
# that none of them makes a text that fills the memory.
FORMAT = re.compile(r",?(\.\d{1,2})?[a-z%]?")
LONGEST_TEMPLATE, LONGEST = 2_000, 20_000  # characters


class Message(str):
    """English text that can be said in another language.

    `Message("{n} run waits", "{n} runs wait", n=3)` is the string "3 runs wait". The template is
    what a catalogue is asked for; the second one, if there is one, is its plural, and `n` decides
    between them. Values are put in as `str.format` does, `{loss:.3f}`; a value that is a message
    itself, or an error that was raised with one, is translated with the whole. Without values the
    template is the text, braces and all.
    """

    __slots__ = ("plural", "template", "values")
    template: str
    plural: str
    values: Values

    def __new__(cls, template: str, plural: str = "", /, **values: Any) -> Message:
        """Raises KeyError for a template with a name that `values` lack."""
        for name, value in values.items():
            if isinstance(value, BaseException):
                values[name] = told(value)
        chosen = plural if plural and values["n"] != 1 else template
        message = super().__new__(cls, chosen.format(**values) if values else chosen)
        message.template, message.plural, message.values = template, plural, values
        return message

    @classmethod
    def within_sentence(cls, title: str) -> Message:
        """A title as it stands within an English sentence, `warm-up`; QK and others stay as they
        are. Other languages are asked for the title itself.
        """
        small = title[:1].lower() + title[1:] if title[1:2].islower() else title
        message = super().__new__(cls, small)
        message.template, message.plural, message.values = title, "", {}
        return message

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, Any]]:
        """For copies and other processes."""
        return (self.template, self.plural), dict(self.values)

    def into(self, language: str) -> str:
        """The text in a language; the English one where its catalogue lacks the template."""
        if language == SOURCE:
            return str(self)
        form = catalogue(language).form(self.template, self.values.get("n"))
        if form is None and not any(isinstance(v, Message) for v in self.values.values()):
            return str(self)
        if form is None:
            form = self.plural if self.plural and self.values["n"] != 1 else self.template
        if not self.values:
            return form
        values = {
            name: value.into(language) if isinstance(value, Message) else value
            for name, value in self.values.items()
        }
        return form.format(**values)

    def stored(self) -> dict[str, Any]:
        """As a file keeps it, for `Message.restored`."""
        values = {name: _plain(value) for name, value in self.values.items()}
        kept: dict[str, Any] = {"id": self.template}
        if self.plural:
            kept["plural"] = self.plural
        return kept | ({"values": values} if values else {})

    @classmethod
    def restored(cls, kept: Any, text: str) -> str:
        """The message that `stored` kept; the plain text where that is damaged."""
        try:
            return cls._restored(kept)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError):
            return text

    @classmethod
    def _restored(cls, kept: Mapping[str, Any]) -> Message:
        values = {
            name: cls._restored(value) if isinstance(value, dict) else value
            for name, value in kept.get("values", {}).items()
        }
        if not isinstance(kept["id"], str) or not isinstance(kept.get("plural", ""), str):
            raise TypeError("not a message")
        for template in (kept["id"], kept.get("plural", "")):
            if values and not _is_plain(template):
                raise ValueError("not a template of ours")
        message = cls(kept["id"], kept.get("plural", ""), **values)
        if len(message) > LONGEST:
            raise ValueError("too long")
        return message


def _is_plain(template: str) -> bool:
    """Whether a template asks for nothing but values by name and short formats."""
    return len(template) <= LONGEST_TEMPLATE and all(
        name is None or (name.isidentifier() and not how and FORMAT.fullmatch(form or ""))
        for _, name, form, how in string.Formatter().parse(template)
    )


def told(error: BaseException) -> str:
    """What an error was raised with, a message where it was one."""
    return error.args[0] if error.args and isinstance(error.args[0], str) else str(error)


def _plain(value: Any) -> Any:
    """A value as JSON holds it: a path becomes text, a number of NumPy's one of Python's."""
    if isinstance(value, Message):
        return value.stored()
    if value is None or isinstance(value, str | int | float):
        return value
    return float(value) if isinstance(value, Number) else str(value)  # type: ignore[arg-type]


def t(text: str | BaseException, plural: str = "", /, **values: Any) -> str:
    """A text in the language that is spoken here: a message, a template with values, an error.

    Of an error, what it was raised with. A plain text that no catalogue knows stays as it is.
    """
    words = told(text) if isinstance(text, BaseException) else text
    if not isinstance(words, Message):
        words = Message(words, plural, **values)
    return words.into(current())


def mark(text: str) -> str:
    """The text itself; tells the catalogues that it is shown, by way of `t`, somewhere else."""
    return text


def said(text: str) -> dict[str, Any]:
    """What a file keeps beside a text: `{"said": ...}` of a message, nothing of a plain one."""
    return {"said": text.stored()} if isinstance(text, Message) and text.values else {}
