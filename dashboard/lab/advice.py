"""The card that says what to look at and what to try next, each with the button that does it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.catalogue.index import entries
from core.catalogue.summary import summary_of
from core.config.fork_point import begin_together
from core.language import t
from core.runs import Run
from core.runs.status import ENDED
from core.verdicts.advice import Suggestion, next_steps
from core.verdicts.measured import measure
from core.verdicts.verdict import Verdict
from dashboard.catalogue import run_names
from dashboard.lab import actions
from dashboard.live.feed import store
from dashboard.ui import cards, changes


def card(shown: Sequence[Run], verdicts: Sequence[Verdict]) -> None:
    """Suggestions for the run in focus, the first of `shown`; nothing while it trains."""
    if any(run.origin for run in shown):
        return  # of a network that is not the lab's nothing is known to try
    focus, twin, same_start = shown[0], None, True
    if len(shown) > 1:
        ended = shown[1].status in ENDED
        twin = (verdicts[1] if ended else None, shown[1].config)
        same_start = begin_together(shown[0].fork, shown[1].fork)
    stands = summary_of(shown[1]).words_for(None) if twin and twin[0] is None else ""
    found = next_steps(
        verdicts[0],
        focus.config,
        measure(focus),
        twin,
        twin_state=stands,
        same_start=same_start,
        trained=trained() if focus.status in ENDED else None,
    )
    if not found:
        return
    with cards.card("next", t("What next"), run_names.name_of(focus)):
        for place, one in enumerate(found):
            with st.container(horizontal=True, key=f"advice_{place}", gap="small"):
                st.html(f'<p class="advice">{escape(t(one.sentence))}</p>', width="stretch")
                _button(one, f"next_{place}", [run.id for run in shown])


def trained() -> dict[str, str]:
    """The newest run of each experiment that came to its end, by the experiment's key."""
    ended = [one for one in entries(store()) if one.state in ("finished", "diverged")]
    return {one.experiment: one.id for one in reversed(ended)}


def _button(one: Suggestion, key: str, ids: list[str]) -> None:
    if one.action == "twin":
        changes.button(t(one.label), key=key, on_click=actions.try_twin, args=(one.changes,))
    elif one.action == "beside":
        st.button(t(one.label), key=key, on_click=actions.show_beside, args=(one.run,))
    elif one.action == "resume":
        changes.button(t(one.label), key=key, on_click=actions.pause)
    elif one.action == "attention" and st.button(t(one.label), key=key):
        st.session_state["attention_run"] = ids[0]
        st.switch_page("app_pages/attention.py", query_params={"attention_runs": ids[0]})
    elif one.action == "compare" and st.button(t(one.label), key=key):
        st.switch_page("app_pages/compare.py", query_params={"compare_runs": ",".join(ids)})
