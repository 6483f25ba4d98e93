"""The Attention page's live part: every head, the chosen one, cards, training time.

What the reader chooses in it (layer, head, step, matrix or lines) it writes into the address by
itself. It asks for a rerun only for another checkpoint, which needs a question to the inspector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.jobs.inspections import Inspection
from core.runs import Run
from dashboard.components.facts import about
from dashboard.components.onto_page import mount, nothing

KEY = "attention_live"


def chosen_checkpoint() -> int | None:
    """The checkpoint that the part asked for last."""
    held = st.session_state.get(KEY) or {}
    found = held.get("checkpoint")
    return found if isinstance(found, int) else None


def attention_page(
    runs: Sequence[Run],
    *,
    side: str,
    sort: str,
    opened: Mapping[str, Any],
    text: str = "",
    asked: Mapping[str, Inspection] | None = None,
    induction: Mapping[str, Inspection] | None = None,
    checkpoint: int | None = None,
) -> None:
    """`side` is a, b or difference; `asked` and `induction` are questions by run id."""
    mount(
        "attention_page",
        KEY,
        None,
        {
            "runs": [_about(run) for run in runs],
            "side": side,
            "sort": sort,
            "open": dict(opened),
            "text": {"text": text, "asked": _questions(asked)} if asked else None,
            "induction": _questions(induction),
            "checkpoint": checkpoint,
        },
        on_checkpoint_change=nothing,
    )


def _questions(asked: Mapping[str, Inspection] | None) -> dict[str, dict[str, Any]]:
    return {run: {"id": one.id, "step": one.step} for run, one in (asked or {}).items()}


def _about(run: Run) -> dict[str, Any]:
    return {**about(run, tokens=True), "checkpoints": run.checkpoints}
