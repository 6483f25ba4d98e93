"""The Attention page's first line: two runs, a text, which of the two, how heads are sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.language import mark, t
from core.runs import Run
from dashboard.address import chosen, page
from dashboard.address.param import runs, word
from dashboard.attention import choices
from dashboard.attention.model import RUNS, Attention, Looked
from dashboard.ui import cards
from dashboard.ui.markdown import literal

PROBE = mark("Probe text. Type your own to see it here.")
# Widgets whose words for people are not those of the address: kept there by `_chose`.
SORT = word("attention_sort", choices.SORTS)
VIEW = word("attention_view", tuple(choices.SIDES))


def top_line(model: Attention) -> Looked:
    """Draw the line; returns what is chosen on it."""
    _arrive()
    names = model.names
    told = chosen.news("attention", chosen.named("attention", model.named), names)
    if told:
        st.session_state["attention_run"] = told[0]
    _remembered("attention_run", list(names), model.runs[0].id)
    a = model.run(st.session_state["attention_run"]) or model.runs[0]
    beside = [run.id for run in choices.others(model.runs, a)]
    twin = a.meta["twin_of"] if a.meta["twin_of"] in beside else None
    if told:
        st.session_state["attention_other"] = told[1] if told[1:] else twin
    _remembered("attention_other", [None, *beside], twin)
    with st.container(horizontal=True, key="attention_bar", gap="small"):
        st.selectbox(
            t("Run A"), list(names), key="attention_run", format_func=names.__getitem__,
            on_change=_chose, label_visibility="collapsed", width=176, persist_state="session",
        )  # fmt: skip
        other = st.selectbox(
            t("Run B"), beside, index=None, key="attention_other", format_func=names.__getitem__,
            on_change=_chose, label_visibility="collapsed", width=176, persist_state="session",
            placeholder=t("Compare with a run"),
        )  # fmt: skip
        text = st.text_input(
            t("Own text"), key="attention_text", placeholder=t(PROBE), bind="query-params",
            label_visibility="collapsed", width="stretch", max_chars=20_000,
        )  # fmt: skip
        b = model.run(other)
        if not model.named and RUNS not in model.problems:
            chosen.own("attention", a.id, other)
            _write_runs([run.id for run in (a, b) if run])
        side = _view(a, b, choices.unfit(a, b, bool(text)) if b else "", names)
        _remembered(SORT.name, choices.SORTS, SORT.default)
        sort = st.selectbox(
            t("Heads sorted by"), choices.SORTS, key=SORT.name, on_change=_chose,
            label_visibility="collapsed", width=238, persist_state="session",
            format_func=lambda by: t("Heads by {score}", score=t(by)),
        )  # fmt: skip
    return Looked(a, b, text, side, sort)


def _arrive() -> None:
    """Take sort and view from the address, at each arrival; later the widgets write them there."""
    if page.take_arrival():
        for name, value in page.read(SORT, VIEW).items():
            if name in st.query_params:
                st.session_state[name] = value


def _remembered(key: str, options: Sequence[Any], default: Any) -> None:
    """A widget's value from this session, else a default."""
    held = st.session_state.get(key, default)
    st.session_state[key] = held if held in options else default


def _chose() -> None:
    """A widget was changed: write it into the address and drop the sentences on the old one."""
    page.forgive()
    held = st.session_state
    ids = [id for key in ("attention_run", "attention_other") if (id := held.get(key))]
    _write_runs(ids)
    chosen.told("attention", *ids)
    chosen.remember(*ids)
    for param in (SORT, VIEW):
        page.write(param, held.get(param.name) or param.default)


def _write_runs(ids: Sequence[str]) -> None:
    page.write(runs(RUNS, ids), tuple(ids))


def _view(a: Run, b: Run | None, unfit: str, names: Mapping[str, str]) -> str:
    """Which of the two is shown, or how they differ."""
    sides = ["a"] if b is None else ["a", "b"] if unfit else list(choices.SIDES)
    of = {"a": a, "b": b}
    words = {s: f"{s.upper()} {literal(_short(names[r.id]))}" for s, r in of.items() if r}
    _remembered(VIEW.name, sides, VIEW.default)
    if b is None:
        return VIEW.default
    side = st.segmented_control(
        t("View"), sides, key=VIEW.name, required=True, on_change=_chose,
        format_func=lambda s: words.get(s) or choices.SIDES[s],
        label_visibility="collapsed", width="content", persist_state="session",
    )  # fmt: skip
    if unfit and RUNS in page.query():  # somebody chose this pair
        cards.problem(unfit)
    elif unfit:  # they are the newest: each of them is shown, and A − B is not offered
        cards.below(unfit, status=True)
    return str(side)


def _short(name: str) -> str:
    """A name that leaves room for others."""
    return name if len(name) <= 16 else name[:15] + "…"
