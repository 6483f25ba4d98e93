"""Which runs the Lab shows: read from its address, changed by its buttons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from core.runs import Run
from dashboard.address import chosen, page
from dashboard.lab import model
from dashboard.live.feed import store


def kept() -> Sequence[Sequence[str]]:
    """The runs that were chosen on another page, else what was started here."""
    return chosen.ids(), chosen.started()


def runs() -> tuple[Run, ...]:
    """The run in focus and the one beside it."""
    return model.shown(page.query(), store(), kept())[0]


def in_focus() -> Run | None:
    """The run in focus."""
    return next(iter(runs()), None)


def put(ids: Iterable[str]) -> None:
    """Show these runs."""
    page.write(model.runs(store()), tuple(ids))


def start(*started: Run | None) -> None:
    """Show the runs that were started, the first in focus; nothing changes where that is None."""
    ids = list(dict.fromkeys(run.id for run in started if run is not None))[: chosen.MOST]
    if started[0] is not None:
        put(ids)
        chosen.start(*ids)


def settle(ids: Sequence[str]) -> None:
    """Runs that the Lab's address names are chosen for all pages; chosen ones go into it."""
    name = model.runs(store()).name
    named = str(st.query_params.get(name, "")).split(",")
    if tuple(ids) == chosen.started():
        return
    if set(ids) <= set(named):
        chosen.follow(*ids)
    elif name not in st.query_params and chosen.remembered(ids):
        put(ids)
