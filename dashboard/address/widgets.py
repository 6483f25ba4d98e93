"""Widgets whose values stand in the address under their own keys.

A value of the address that can't be is said in a sentence, and the default is used. The sentence
stays until its control is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from dashboard.address import page
from dashboard.address.param import Param, among, no_longer, within, word
from dashboard.address.param import several as several_of

T = TypeVar("T")
FIRST = "first_values"
LEFT = "left_values"


def seed(param: Param[T]) -> T:
    """The value with which a widget is drawn first: the address's, or its default.

    It stays the same as long as the widget is shown. A widget that were drawn with its default and
    then told its value could send back the default, if another one was turned in between.
    """
    first: dict[str, T] = st.session_state.setdefault(FIRST, {})
    if param.name not in st.session_state:
        first[param.name] = page.read(param)[param.name]
    return first.get(param.name, param.default)


def as_left(*names: str) -> None:
    """Give a page's bound widgets what they held when it was left, if a link opened it again.

    Called before they are drawn. Streamlit forgets a widget that no page draws, and its part of the
    address goes with it. An address that names one of them says all of them.
    """
    left: dict[str, Any] = st.session_state.setdefault(LEFT, {})
    again = page.arrival() == "from_page" and not any(name in st.query_params for name in names)
    for name in names:
        if name in st.session_state:
            left[name] = st.session_state[name]
        elif again and name in left:
            st.session_state[name] = left[name]
        else:
            left.pop(name, None)


def drop_unless(name: str, options: Sequence[str]) -> None:
    """Forget a widget's value that is not among its options any more: its runs were deleted."""
    if st.session_state.get(name) not in (None, *options):
        del st.session_state[name]


def keep(param: Param[T], value: T) -> T:
    """Write a value into the address, unless it is the default; returns it."""
    page.write(param, value)
    return value


def number(name: str, label: str, default: float, low: float, high: float, **more: Any) -> Any:
    """A number within limits, whole where its default is."""
    kind = type(default)
    param: Param[Any] = Param(name, default, within(kind, low, high))
    value = st.number_input(label, kind(low), kind(high), seed(param), **_shared(name, more))
    return keep(param, value)


def slider(name: str, label: str, default: float, low: float, high: float, **more: Any) -> Any:
    """A number within limits, on a slider."""
    kind = type(default)
    param: Param[Any] = Param(name, default, within(kind, low, high))
    value = st.slider(label, kind(low), kind(high), seed(param), **_shared(name, more))
    # Steps of 0.05 add up to 0.8500000000000001: one value, one question.
    return keep(param, round(value, 6))


def segments(name: str, label: str, options: dict[str, str], **more: Any) -> str:
    """One of a few words; the first is the default. `options`: what is kept, and what it says."""
    param = word(name, list(options))
    first = seed(param)
    value = st.segmented_control(
        label, list(options), format_func=options.__getitem__, default=first, required=True,
        **_shared(name, more),
    )  # fmt: skip
    return str(keep(param, value or first))


def selection(
    name: str,
    label: str,
    options: Mapping[str, str],
    default: str | None = None,
    said: Mapping[str, str] | None = None,
    **more: Any,
) -> str:
    """One of a list that folds out. `options`: what is kept, and what it says to the reader.

    The address says the former, or its word in `said`: Streamlit's own binding would write what
    the list shows, which is another word in each language.
    """
    first, param = _of_options(name, options, default, said)
    ids = list(options)
    value = st.selectbox(
        label, ids, ids.index(first), format_func=options.__getitem__, **_shared(name, more)
    )
    return str(keep(param, value if value in options else first))


def pills(
    name: str, label: str, options: Mapping[str, str], default: str | None = None, **more: Any
) -> str:
    """One of a few words in a row, as `selection` keeps them."""
    first, param = _of_options(name, options, default)
    value = st.pills(
        label, list(options), format_func=options.__getitem__, default=first, required=True,
        **_shared(name, more),
    )  # fmt: skip
    return str(keep(param, value if value in options else first))


def _of_options(
    name: str,
    options: Mapping[str, str],
    default: str | None,
    said: Mapping[str, str] | None = None,
) -> tuple[str, Param[str]]:
    """The option with which a widget is drawn, and the parameter that keeps it."""
    ids = list(options)
    words = {id: said[id] if said else id for id in ids}
    meant = {word: id for id, word in words.items()}
    one = among(list(meant))
    usual = default if default is not None and default in options else ids[0]
    param: Param[str] = Param(
        name, usual, lambda text: meant[one(text)], lambda id: words.get(id, id)
    )
    drop_unless(name, ids)
    if page.by_history() and name in st.session_state:
        st.session_state[name] = page.read(param)[name]
    first = seed(param)
    return (first if first in options else usual), param


def text(name: str, label: str, default: str, most: int, **more: Any) -> str:
    """A line of at most so many letters."""
    param = Param(name, default, no_longer(most))
    value = st.text_input(label, seed(param), max_chars=most, **_shared(name, more))
    return str(keep(param, value or ""))


def several(
    name: str, label: str, options: Sequence[str], default: list[str], **more: Any
) -> list[str]:
    """Some of the options."""
    param: Param[Any] = Param(name, default, several_of(options))
    first = seed(param)
    chosen = st.session_state.get(name, [])
    if any(one not in options for one in chosen):  # deleted meanwhile
        st.session_state[name] = [one for one in chosen if one in options]
    value = st.multiselect(
        label, options, [one for one in first if one in options], **_shared(name, more)
    )
    return list(keep(param, value))


def _shared(name: str, more: dict[str, Any]) -> dict[str, Any]:
    return {"key": name, "on_change": page.forgive, "args": (name,), **more}
