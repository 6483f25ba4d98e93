"""What every group of settings shares: its words, and that it refuses what it does not know."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from core.language import Message


def setting(default: Any, title: str, description: str, unit: str = "", **limits: Any) -> Any:
    """A field with the words that the widgets and the command line show for it."""
    return Field(
        default, title=title, description=description, json_schema_extra={"unit": unit}, **limits
    )


class Group(BaseModel):
    """A named group of settings that refuses what it does not know, in the user's words."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, values: Any) -> Any:
        return only_known(cls, values)


def only_known(group: type[BaseModel], values: Any) -> Any:
    if isinstance(values, dict):
        _refuse_invalid_text(values)
        known = [f.alias or name for name, f in group.model_fields.items()]
        for key in values:
            if key not in known:
                raise refusal(
                    Message(
                        "{field} is not a setting{hint}; accepted: {accepted}",
                        field=str(key),
                        hint=did_you_mean(str(key), known),
                        accepted=", ".join(known),
                    ),
                    "unknown_setting",
                )
    return values


def _refuse_invalid_text(values: dict[str, Any]) -> None:
    """Bytes that are not UTF-8 arrive as surrogates, which no file of settings can hold."""
    for key, value in values.items():
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise refusal(
                    Message(
                        "{field}: it is not UTF-8 at character {place}; accepted: text",
                        field=str(key),
                        place=error.start + 1,
                    ),
                    "invalid_text",
                ) from error


def refusal(sentence: Message, kind: str = "impossible") -> PydanticCustomError:
    """What a check of settings raises; `explain` finds the sentence in it.

    Where it begins with the name of a setting, that is its value `field`.
    """
    return PydanticCustomError(kind, "{said}", {"said": sentence})


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint at the known word that a mistyped one resembles, in brackets; else nothing."""
    near = difflib.get_close_matches(word, [*known], n=1)
    return Message(" (did you mean {word}?)", word=near[0]) if near else ""
