"""Widgets whose values stand in the address under their own keys.

A value that the address has and that can't be is said in a sentence, and the default is used. The
sentence stays until its control is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

Read = Callable[[str], Any]
PROBLEMS = "anatomy_problems"
FIRST = "anatomy_first"


def problems() -> list[str]:
    """What the address got wrong."""
    return list(st.session_state.get(PROBLEMS, {}).values())


def blame(name: str, sentence: str) -> None:
    """Keep a sentence about a parameter of the address until its control is changed."""
    st.session_state.setdefault(PROBLEMS, {})[name] = sentence


def forgive(name: str) -> None:
    """A control was changed: what the address said of it is history."""
    st.session_state.get(PROBLEMS, {}).pop(name, None)


def seed(name: str, default: Any, read: Read) -> Any:
    """The value with which a widget is drawn first: the address's, or its default.

    It stays the same as long as the widget is shown. A widget that were drawn with its default and
    then told its value could send back the default, if another one was turned in between.
    """
    first = st.session_state.setdefault(FIRST, {})
    if name not in st.session_state:
        first[name], text = default, st.query_params.get(name)
        if text is not None:
            try:
                first[name] = read(text)
            except ValueError as error:
                shown = "nothing" if default in ("", None, []) else default
                blame(
                    name,
                    f"The address says {name} = {text[:60]}, which is not possible ({error});"
                    f" {shown} is used.",
                )
    return first.get(name, default)


def keep(name: str, value: Any, default: Any) -> Any:
    """Write a value into the address, unless it is the default; returns it."""
    text = ",".join(value) if isinstance(value, list) else str(value)
    if isinstance(value, float):
        text = f"{value:g}"
    if value == default or text == "":
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text
    return value


def number(name: str, label: str, default: float, low: float, high: float, **more: Any) -> Any:
    """A number within limits, whole where its default is."""
    kind = type(default)
    first = seed(name, default, lambda text: _within(text, kind, low, high))
    value = st.number_input(label, kind(low), kind(high), first, **_shared(name, more))
    return keep(name, value, default)


def slider(name: str, label: str, default: float, low: float, high: float, **more: Any) -> Any:
    """A number within limits, on a slider."""
    kind = type(default)
    first = seed(name, default, lambda text: _within(text, kind, low, high))
    value = st.slider(label, kind(low), kind(high), first, **_shared(name, more))
    # Steps of 0.05 add up to 0.8500000000000001: one value, one question.
    return keep(name, round(value, 6), default)


def segments(name: str, label: str, options: dict[str, str], **more: Any) -> str:
    """One of a few words; the first is the default. `options`: what is kept, and what it says."""
    default = next(iter(options))
    first = seed(name, default, lambda text: _among(text, list(options)))
    value = st.segmented_control(
        label, list(options), format_func=options.__getitem__, default=first, required=True,
        **_shared(name, more),
    )  # fmt: skip
    return str(keep(name, value or first, default))


def text(name: str, label: str, default: str, most: int, **more: Any) -> str:
    """A line of at most so many letters."""
    first = seed(name, default, lambda said: _no_longer(said, most))
    value = st.text_input(label, first, max_chars=most, **_shared(name, more))
    return str(keep(name, value or "", default))


def several(
    name: str, label: str, options: Sequence[str], default: list[str], **more: Any
) -> list[str]:
    """Some of the options."""
    first = seed(name, default, lambda said: [_among(one, options) for one in said.split(",")])
    chosen = st.session_state.get(name, [])
    if any(one not in options for one in chosen):  # deleted meanwhile
        st.session_state[name] = [one for one in chosen if one in options]
    value = st.multiselect(
        label, options, [one for one in first if one in options], **_shared(name, more)
    )
    return list(keep(name, value, default))


def _shared(name: str, more: dict[str, Any]) -> dict[str, Any]:
    return {"key": name, "on_change": forgive, "args": (name,), **more}


def _within(said: str, kind: type, low: float, high: float) -> Any:
    try:
        value = kind(said)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        word = "a whole number" if kind is int else "a number"
        raise ValueError(f"accepted: {word} from {low:g} to {high:g}")
    return value


def _among(said: str, options: Sequence[str]) -> str:
    if said not in options:
        raise ValueError(f"accepted: {', '.join(options[:8])}{' …' if len(options) > 8 else ''}")
    return said


def _no_longer(said: str, most: int) -> str:
    if len(said) > most:
        raise ValueError(f"accepted: at most {most} letters")
    return said
