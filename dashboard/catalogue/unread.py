"""What a page did not wait for, read beside it: runs that ended without a digest (elsewhere, or of
an older release), and of very many those that nobody has listed since the server's start."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import streamlit as st

from core.catalogue.summary import FILE
from core.files import signature
from core.jobs import digest_worker
from core.language import t
from core.runs import RunStore
from dashboard.catalogue import ahead
from dashboard.ui import looks

PATIENCE = 0.3  # seconds that a page waits for runs that nobody has measured


def tell(left: Collection[str], later: int = 0) -> None:
    """Have the runs at these places read, and so many older ones listed; draw the page anew as they
    are."""
    for store in _stores(left):
        digest_worker.begin(store)
    if later:
        ahead.begin()
        _listing(later)
    elif left:
        _waiting(left)


@st.fragment(run_every=1.5)
def _listing(later: int) -> None:
    """Says how many are not listed yet; draws the page anew once they are known."""
    if looks.is_later_look() and not ahead.at_work():
        st.rerun()
    _say(later_words(later))


@st.fragment(run_every=1.5)
def _waiting(left: Collection[str]) -> None:
    """Says how many are left; draws the page anew once half of them are read, and at the end."""
    missing = sum(signature(Path(place, FILE)) is None for place in left)
    done = missing <= len(left) // 2 or not any(map(digest_worker.at_work, _stores(left)))
    if done and looks.is_later_look():
        st.rerun()
    _say(words(missing))


def _say(text: str) -> None:
    with st.container(key="reading"):
        st.html(f'<div role="status">{text}</div>')


def _stores(left: Collection[str]) -> list[RunStore]:
    """The folders that these runs lie in: the trash is one of its own."""
    return [RunStore(root) for root in {Path(place).parent for place in left}]


def words(count: int) -> str:
    """`2,431 runs are being read for the first time; their losses and verdicts follow.`"""
    return t(
        "{n:,} run is being read for the first time; its losses and verdict follow.",
        "{n:,} runs are being read for the first time; their losses and verdicts follow.",
        n=count,
    )


def later_words(count: int) -> str:
    """`7,412 older runs are being looked through; they follow in the list.`"""
    return t(
        "{n:,} older run is being looked through; it follows in the list.",
        "{n:,} older runs are being looked through; they follow in the list.",
        n=count,
    )
