"""The address of the page that is open: reading and writing it, and what it got wrong.

There is one store of problems. A sentence stays until its control is changed or another page is
opened, and every page shows it in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.address import param
from dashboard.address.param import Param, Problems
from dashboard.ui import cards

PROBLEMS = "address_problems"
BEFORE, ARRIVAL, MET = "page_before", "arrival", "page_met"


def query() -> dict[str, str]:
    """The address as plain texts."""
    return {name: str(text) for name, text in st.query_params.items()}


def read(*params: Param[Any]) -> dict[str, Any]:
    """The values that the address gives to parameters; what it gets wrong is kept."""
    values, problems = param.read(params, query())
    blame(problems)
    return values


def write(param: Param[Any], value: Any) -> None:
    """Make the address say a value, unless it is the default, which it leaves out."""
    text = param.text(value)
    if not text:
        st.query_params.pop(param.name, None)
    elif st.query_params.get(param.name) != text:
        st.query_params[param.name] = text


# What it got wrong


def _kept() -> Problems:
    kept: Problems = st.session_state.setdefault(PROBLEMS, {})
    return kept


def blame(problems: Problems) -> None:
    """Keep sentences about parameters until their controls are changed."""
    _kept().update(problems)


def forgive(*names: str) -> None:
    """Drop the sentences on controls that were changed; without names, all of them."""
    for name in names or tuple(_kept()):
        _kept().pop(name, None)


def sentences() -> list[str]:
    """A sentence for each thing that the address got wrong."""
    return [sentence for said in _kept().values() for sentence in said]


def show(problems: Problems | None = None, also: Iterable[str] = ()) -> None:
    """Say it at the place where the page stands now.

    With `problems` of parameters that stay in the address, which is read anew each time, and with
    what `also` is wrong; empty sentences are nothing.
    """
    now = [sentence for said in (problems or {}).values() for sentence in said]
    for sentence in dict.fromkeys((*sentences(), *now, *also)):
        if sentence:
            cards.problem(sentence)


# How the browser came here


def arrive(page: str) -> None:
    """Note how the browser came to this run of a page's script; called before the page is drawn.

    `by_address`: by a new tab, a reload, or Back and Forward, where the address says everything.
    `from_page`: from another page by a link. Empty: it was here before.
    """
    remembered = st.session_state
    before = remembered.get(BEFORE)
    if before is None or by_history():
        remembered[ARRIVAL] = "by_address"
        forgive()
    elif before != page:
        remembered[ARRIVAL] = "from_page"
        forgive()
    remembered[BEFORE] = page


def by_history() -> bool:
    """Whether Back or Forward led to this run of the script: widgets hold what was left."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def arrival() -> str:
    """How the browser came here last (see `arrive`)."""
    return str(st.session_state.get(ARRIVAL, ""))


def take_arrival() -> str:
    """How the browser came here, told once for each arrival (see `arrive`)."""
    unknown = "" if MET in st.session_state else "by_address"
    st.session_state[MET] = True
    return str(st.session_state.pop(ARRIVAL, "") or unknown)
