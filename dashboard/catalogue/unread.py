"""Runs that ended without a digest (elsewhere, or of an older release): read beside the page."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import streamlit as st

from core.catalogue.summary import FILE
from core.files import signature
from core.jobs import digest_worker
from core.runs import RunStore

PATIENCE = 0.6  # seconds that a page waits for runs that nobody has measured


def tell(left: Collection[str]) -> None:
    """Have the runs at these places read, and draw the page anew as they are."""
    for store in _stores(left):
        digest_worker.begin(store)
    if left:
        _waiting(left)


@st.fragment(run_every=1.5)
def _waiting(left: Collection[str]) -> None:
    """Says how many are left; draws the page anew once half of them are read, and at the end."""
    missing = sum(signature(Path(place, FILE)) is None for place in left)
    if missing <= len(left) // 2 or not any(map(digest_worker.at_work, _stores(left))):
        st.rerun()
    with st.container(key="reading"):
        st.html(f'<div role="status">{words(missing)}</div>')


def _stores(left: Collection[str]) -> list[RunStore]:
    """The folders that these runs lie in: the trash is one of its own."""
    return [RunStore(root) for root in {Path(place).parent for place in left}]


def words(count: int) -> str:
    """`2,431 runs are being read for the first time; their losses and verdicts follow.`"""
    if count == 1:
        return "1 run is being read for the first time; its losses and verdict follow."
    return f"{count:,} runs are being read for the first time; their losses and verdicts follow."
