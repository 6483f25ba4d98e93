"""The runs that a reader chose last, on whichever page: every other page opens with them.

One choice for each tab, held in its session: at most two runs, the one in focus first. The runs
that a page's address names come before it, and become it. What a page shows of its own accord (the
newest run) does not count as a choice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import streamlit as st

CHOSEN = "chosen_runs"
STARTED = "started_runs"
MOST = 2


def remember(*ids: str | None) -> None:
    """Make these runs the choice, the first in focus; without any it stays as it was."""
    kept = tuple(dict.fromkeys(id for id in ids if id))[:MOST]
    if kept:
        st.session_state[CHOSEN] = kept


def follow(*ids: str | None) -> None:
    """Remember a page's choice of fewer runs: a choice that begins with these stays."""
    kept = tuple(dict.fromkeys(id for id in ids if id))[:MOST]
    if st.session_state.get(CHOSEN, ())[: len(kept)] != kept:
        remember(*kept)


def start(*ids: str) -> None:
    """Note that the Lab shows these because one of them was started there; it chooses nothing.

    An earlier choice is over: other pages open as they come, with the newest run.
    """
    st.session_state[STARTED] = ids
    st.session_state.pop(CHOSEN, None)


def started() -> tuple[str, ...]:
    """The runs of the last call of :func:`start`; empty before."""
    return tuple(st.session_state.get(STARTED, ()))


def ids() -> tuple[str, ...]:
    """The ids of the choice, the one in focus first."""
    return tuple(st.session_state.get(CHOSEN, ()))


def remembered(known: Collection[str]) -> tuple[str, ...]:
    """The ids of the choice that are among `known`: what a page can show, the focus first."""
    return tuple(id for id in ids() if id in known)


def own(page: str, *ids: str | None) -> None:
    """Note that a page chose these runs itself and writes them into its address, for links."""
    shown = tuple(id for id in ids if id)
    st.session_state[f"{page}_own"] = (shown, st.session_state.get(CHOSEN))


def named(page: str, ids: Sequence[str]) -> Sequence[str]:
    """Those runs of a page's address that a person or a link named: not what :func:`own` wrote."""
    written = (tuple(ids), st.session_state.get(CHOSEN))
    return () if st.session_state.get(f"{page}_own") == written else ids


def news(page: str, named: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """The runs that a page which keeps its widgets has to show, unless it was told so before.

    `named` are those of its address. Empty where its widgets stay as they are.
    """
    follow(*named)
    wanted = tuple(named[:MOST]) or remembered(known)
    if wanted == st.session_state.get(f"{page}_told"):
        return ()
    told(page, *wanted)
    return wanted


def told(page: str, *ids: str | None) -> None:
    """Note that a page shows these runs, as its widgets say."""
    st.session_state[f"{page}_told"] = tuple(id for id in ids if id)
