"""What the widgets of the settings hold, and what they held last on pages without them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from core.config import RunConfig, overrides, resolve
from core.config.groups import NAMED
from dashboard.address import page
from dashboard.settings.form import DEFAULTS, KEYS, from_widget, key, to_widget

REMEMBERED = "lab_settings"  # what the Lab's widgets held last


class _Held(threading.local):
    """What a script's thread has read of the widgets; None outside of `held`."""

    values: dict[str, Any] | None = None


_HELD = _Held()


@contextmanager
def held() -> Iterator[None]:
    """Read the widgets once for all that is drawn within; `reread` what a drawn one may change.

    Reading all of them takes 3 ms, and drawing each asks for the others a few times.
    """
    _HELD.values = _read_widgets()
    try:
        yield
    finally:
        _HELD.values = None


def reread(dotted: str) -> None:
    """Read a setting's widget again: it may hold something else once it was drawn."""
    if _HELD.values is not None and key(dotted) in st.session_state:
        _HELD.values[dotted] = from_widget(dotted, st.session_state[key(dotted)])


def _read_widgets() -> dict[str, Any]:
    state = st.session_state
    values = {d: from_widget(d, state[k]) for k, d in KEYS.items() if k in state}
    return {**DEFAULTS, **state.get(REMEMBERED, {}), **values}


def widget_values() -> dict[str, Any]:
    """Every setting as the widgets hold it now; on other pages as they held it last."""
    values = _read_widgets() if _HELD.values is None else {**_HELD.values}
    for field, (chosen, word) in NAMED.items():
        if values[f"data.{chosen}"] != word:
            values[f"data.{field}"] = None
    return values


def remember_settings() -> None:
    """Keep what the widgets hold: they are forgotten where no page draws them."""
    st.session_state[REMEMBERED] = widget_values()


def show(config: RunConfig) -> None:
    """Turn every switch to a config's value; to be called in a callback."""
    for dotted, value in config.flat().items():
        st.session_state[key(dotted)] = to_widget(dotted, value)


def model_values() -> dict[str, Any]:
    """The network's settings by field, as the widgets hold them; unreadable ones are left out."""
    values = {d.removeprefix("model."): v for d, v in widget_values().items() if "model." in d}
    readable = isinstance(values["overrides"], tuple)
    given = values["overrides"] if readable else ()
    return {**values, "overrides": tuple(overrides.Override(**one) for one in given)}


def changed(dotted: str = "") -> None:
    """After a switch was turned: resolve what is obvious, forget what the address got wrong."""
    page.forgive()
    for other, value in resolve(widget_values(), dotted).items():
        st.session_state[key(other)] = to_widget(other, value)
