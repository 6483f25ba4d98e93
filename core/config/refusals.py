"""Why settings were refused, in the user's words: the first thing that is wrong, as a sentence.

A check of ours raises ValueError with a message, or `core.config.base.refusal`; what pydantic
checks itself is said here anew, so that it can be said in any language.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from core.language import JOINTS, Message, joined, mark, told

LONGEST = 80  # characters of a wrong value that a sentence repeats
# What pydantic says of each of its types of errors; one that is not here stays as it says it.
SAID = {
    "bool_parsing": mark("input should be a valid boolean, unable to interpret input"),
    "bool_type": mark("input should be a valid boolean"),
    "dict_type": mark("input should be a valid dictionary"),
    "finite_number": mark("input should be a finite number"),
    "float_parsing": mark("input should be a valid number, unable to parse string as a number"),
    "float_type": mark("input should be a valid number"),
    "greater_than": mark("input should be greater than {gt}"),
    "greater_than_equal": mark("input should be greater than or equal to {ge}"),
    "int_from_float": mark("input should be a valid integer, got a number with a fractional part"),
    "int_parsing": mark("input should be a valid integer, unable to parse string as an integer"),
    "int_parsing_size": mark("unable to parse input string as an integer, exceeded maximum size"),
    "int_type": mark("input should be a valid integer"),
    "json_invalid": mark("invalid JSON: {error}"),
    "less_than": mark("input should be less than {lt}"),
    "less_than_equal": mark("input should be less than or equal to {le}"),
    "list_type": mark("input should be a valid list"),
    "literal_error": mark("input should be {expected}"),
    "missing": mark("field required"),
    "model_attributes_type": mark(
        "input should be a valid dictionary or object to extract fields from"
    ),
    "model_type": mark("input should be a valid dictionary or instance of {class_name}"),
    "string_too_long": mark("string should have at most {max_length} characters"),
    "string_type": mark("input should be a valid string"),
    "tuple_type": mark("input should be a valid tuple"),
}


def explain(error: ValidationError) -> str:
    """The first thing wrong, in one line: the setting's dotted name and what is accepted."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("int", "str"))
    # A union reports each of its arms; "auto or a number" reads better than either.
    place = place.split(".literal[")[0].removesuffix(".")
    context = first.get("ctx", {})
    if isinstance(whole := context.get("said"), Message):
        return _placed(whole, place, first["type"] == "unknown_setting")
    sentence: str = _nan(first) or _sentence(first["type"], first["msg"], context)
    if any("literal[" in str(part) for e in error.errors() for part in e["loc"]):
        sentence = Message("input should be auto or a whole number")
    given = first.get("input") if place else {}
    if place:
        sentence = joined([place, sentence], ": ")
    if isinstance(given, dict):
        return sentence
    got = repr(given) if len(repr(given)) <= LONGEST else f"{repr(given)[:LONGEST]}…"
    return Message("{sentence} (got {value})", sentence=sentence, value=got)


def reason(error: ValidationError) -> Message:
    """What is wrong with the value of one setting, which is known to whoever asks."""
    first, *others = error.errors(include_url=False)
    if others:  # the arms of `auto` or a number
        return Message("input should be auto or a whole number")
    return _nan(first) or _sentence(first["type"], first["msg"], first.get("ctx", {}))


def _placed(sentence: Message, place: str, unknown: bool) -> Message:
    """With the whole dotted name of the setting that it begins with."""
    field = sentence.values.get("field", "")
    if not field or not place or ("." in field and not unknown):
        return sentence
    values = {**sentence.values, "field": f"{place}.{field}"}
    return Message(sentence.template, sentence.plural, **values)


def _nan(error: Any) -> Message | None:
    """Of a value that is no number, what is accepted: pydantic compares it with a limit first."""
    try:
        if not math.isnan(float(error.get("input"))):
            return None
    except (TypeError, ValueError, OverflowError):
        return None
    most = error.get("ctx", {}).get("le")
    if most is None:
        return Message(SAID["finite_number"])
    return Message("input should be a finite number, at most {le}", le=_value(most))


def _sentence(kind: str, english: str, context: Mapping[str, Any]) -> Message:
    """What one error of pydantic's says, which is `english`."""
    if kind == "value_error" and isinstance(context.get("error"), ValueError):
        raised = told(context["error"])
        if isinstance(raised, Message):
            return raised
    english = english.removeprefix("Value error, ")
    english = english[:1].lower() + english[1:]
    template = SAID.get(kind)
    if template is None or not context:
        return Message(english)
    made = Message(template, **{name: _value(value) for name, value in context.items()})
    return made if made == english else Message(english)


def _value(value: Any) -> Any:
    """As pydantic prints it: 1.0 as 1, and of words in quotes the last after `or`."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and " or " in value:
        first, _, last = value.rpartition(" or ")
        return Message(JOINTS[" or "], first=first, last=last)
    return value
