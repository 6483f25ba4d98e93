"""What every group of settings shares: its words, and that it refuses what it does not know."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


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
                raise PydanticCustomError(
                    "unknown_setting",
                    "{key} is not a setting{hint}; accepted: {accepted}",
                    {
                        "key": str(key),
                        "hint": did_you_mean(str(key), known),
                        "accepted": ", ".join(known),
                    },
                )
    return values


def _refuse_invalid_text(values: dict[str, Any]) -> None:
    """Bytes that are not UTF-8 arrive as surrogates, which no file of settings can hold."""
    for key, value in values.items():
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise PydanticCustomError(
                    "invalid_text",
                    "{key}: it is not UTF-8 at character {place}; accepted: text",
                    {"key": str(key), "place": error.start + 1},
                ) from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint at the known word that a mistyped one resembles, in brackets; else nothing."""
    near = difflib.get_close_matches(word, [*known], n=1)
    return f" (did you mean {near[0]}?)" if near else ""
