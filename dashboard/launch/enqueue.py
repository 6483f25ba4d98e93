"""Putting a run into the queue; what fails leaves a sentence for the page."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import jobs
from core.config import RunConfig
from core.config.fork_point import ForkPoint
from core.data.corpora import check_corpus
from core.data.downloads import CorpusError
from core.jobs import forks
from core.language import t
from core.runs import Run, RunError, read_only
from dashboard.live.feed import store

PROBLEM = "start_problem"  # beside the buttons that start runs; the page asks for it


def enqueue(
    config: RunConfig,
    name: str,
    paused: bool = False,
    fork: ForkPoint | None = None,
    **meta: Any,
) -> Run | None:
    """The run, queued; None where that fails, which is kept for the page to say.

    A `fork` starts at this checkpoint.
    """
    try:
        read_only.refuse()
        check_corpus(config)  # an own text is first read now that somebody wants it
        if fork is not None:
            forks.admit(fork, config)
        return jobs.enqueue(store(), config, name, paused, fork, **meta)
    except (RunError, CorpusError) as error:
        st.session_state[PROBLEM] = t(error)
        return None


def problem(place: str = PROBLEM) -> str:
    """Why the last button could not do its work; it is forgotten once it is read."""
    return str(st.session_state.pop(place, ""))
