"""Which runs are ticked on the page Runs: what its table last said, kept while the page is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from core.catalogue.entry import Entry
from dashboard.compare.address import Choice

NOTHING = Choice(kind="only")


def choice(table: str) -> Choice:
    """The ids that are ticked in a table, by its key."""
    kept: Choice = st.session_state.get(f"{table}_choice", NOTHING)
    return kept


def ticked(table: str, entries: Sequence[Entry]) -> list[Entry]:
    """The listed runs that are ticked, in their order."""
    ids = set(choice(table).drawn([entry.id for entry in entries], most=len(entries)))
    return [entry for entry in entries if entry.id in ids]


def order(table: str) -> dict[str, Any]:
    """The ticks that the table gets, with a number; it obeys where the number is new to it."""
    return {"n": st.session_state.get(f"{table}_order", 1), **asdict(choice(table))}


def clear(table: str) -> None:
    """Untick everything; the order of the lines stays."""
    number = st.session_state.get(f"{table}_order", 1)
    st.session_state[f"{table}_order"] = number + 1
    st.session_state[f"{table}_choice"] = Choice(kind="only", sort=choice(table).sort)


def heard(table: str) -> None:
    """Take what the table reports, unless it was told otherwise meanwhile. A callback."""
    said = (st.session_state[table] or {}).get("choice")
    if said and said["n"] == st.session_state.get(f"{table}_order", 1):
        kept = Choice(kind=said["kind"], ids=tuple(said["ids"]), sort=said["sort"])
        st.session_state[f"{table}_choice"] = kept
