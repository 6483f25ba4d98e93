"""Compare: which runs, what became of them, their curves over each other, what differs."""

import streamlit as st

from core.catalogue import index
from dashboard import actions, components, state
from dashboard.catalogue import run_names
from dashboard.compare import (
    address,
    differences,
    edit,
    grid_dialog,
    groups,
    listing,
    outcomes,
    rows,
    share,
)
from dashboard.components import table
from dashboard.ui import cards

AXES = ("step", "tokens", "seconds", "FLOPs")
SMOOTHING = ("0", "0.5", "0.8", "0.9", "0.95", "0.98", "0.99")
PROFILES = {
    "gradient norm": "grad_norm/block",
    "residual RMS": "activation/rms/resid_post",
    "attention entropy": "attention/entropy",
    "effective rank": "activation/effective_rank/resid_post",
}


def top_line():
    """The filter, how runs are grouped, and what can be made of those that are drawn."""
    with st.container(horizontal=True, key="compare_top", gap="small"):
        with st.container(key="filter_line"):
            text = st.text_input(
                "Filter", key="compare_filter", bind="query-params", label_visibility="collapsed",
                placeholder='Search, or filter: model.depth >= 12 and placement == "post"',
            )  # fmt: skip
            listed, problem = listing.filtered(runs, text)
            st.html(f'<span class="found">{listing.counted(listed, runs)}</span>')
        by = st.selectbox(
            "Group by", ways, key="group_by", bind="query-params", label_visibility="collapsed",
            width=176,
        )  # fmt: skip
        slot = st.container(horizontal=True, key="compare_actions", gap="small", width="content")
    if problem:
        cards.problem(problem)
    return listed, by, slot


def table_card():
    """All listed runs; those that are ticked are drawn."""
    with cards.card("table", height="stretch"):
        columns = rows.columns(listed)
        result = table.runs_table(
            rows.rows(listed, columns, labels, names, flops=axis == "FLOPs", labels=beside.labels),
            columns,
            address.order(choice),
            on_choice=address.heard,
            alive=sum(entry.alive for entry in runs),
            empty="No run matches this filter." if runs else "",
        )
    if result.edit in by_id:
        edit.dialog(by_id[result.edit], sorted({tag for entry in runs for tag in entry.tags}))


def buttons():
    """What can be made of the runs that are drawn."""
    only = next((entry for entry in drawn if entry.id == choice.focus), None)
    if only is None and len(drawn) == 1:
        only = drawn[0]
    if st.button("Train twin", key="train_twin", disabled=only is None) and only:
        actions.twin_dialog(only.run.config, only.run)
    if st.button("Ablation grid", key="ablation_grid"):
        config, _ = state.read(state.widget_values())
        bases = [only] if only else drawn[:5]
        grid_dialog.dialog(config or state.DEFAULT, {names[e.id]: e.run.config for e in bases})
    if st.button("Report", key="report", disabled=not drawn):
        share.report_dialog(drawn, labels)
    share.export_popover(drawn)


def outcome_card():
    """Which trained: the matrix of a grid or of any runs that differ, else a sentence for each."""
    with st.container(key="outcome", height="stretch", gap=None):
        if not any(entry.meta.get("grid") for entry in runs):
            with st.container(key="outcome_choice"):
                by_setting = st.toggle("by setting", key="compare_matrix", bind="query-params")
            if not by_setting:
                with cards.card("verdicts", "What became of them", height="stretch"):
                    st.html(outcomes.verdicts(drawn, labels, names))
                return
        if not grid_dialog.card(runs, listed, on_cell=open_cell, height="stretch"):
            with cards.card("which_trained", height="stretch"):
                cards.empty("Which trained?", "The listed runs do not differ in any setting.")


def open_cell(ids):
    """Draw the runs behind a cell of the matrix."""
    address.open_runs(ids, [entry.id for entry in listed])


def curves_card():
    """The curves of the chosen runs, and the difference of twins."""
    with cards.card("curves", height="stretch"):
        with st.container(horizontal=True, key="curve_choice", vertical_alignment="center"):
            metric = st.selectbox(
                "Metric", metrics, key="compare_metric", label_visibility="collapsed", width=170,
                bind="query-params",
            )  # fmt: skip
            x = st.pills(
                "x", AXES, default="step", required=True, key="compare_x", bind="query-params",
                label_visibility="collapsed",
            )  # fmt: skip
            log_x = st.toggle("log x", key="compare_log_x", bind="query-params")
            log_y = st.toggle("log y", key="compare_log", bind="query-params")
            st.html('<span class="choice">smoothing</span>', width="content")
            smooth = st.selectbox(
                "Smoothing", SMOOTHING, SMOOTHING.index("0.9"), key="compare_smooth",
                label_visibility="collapsed", width=74, bind="query-params",
            )  # fmt: skip
        pair = outcomes.twins(drawn, choice.focus)
        components.curves(
            [],
            key="compare_curves",
            follow=True,
            metric=metric,
            x=x.lower(),
            log_x=log_x,
            log_y=log_y,
            smooth=float(smooth),
            height=476 if not pair else 300,
            baseline=outcomes.baseline(listed) if metric.startswith("loss/") else None,
            subtitle=outcomes.unit(listed, metric),
            frame=False,
        )
        if pair:
            first, second = pair
            components.difference(
                first.id,
                second.id,
                key="compare_difference",
                follow=True,
                metric=metric,
                x=x.lower(),
                log_x=log_x,
                smooth=float(smooth),
                height=170,
                title=f"{names[first.id]} minus {names[second.id]}",
                frame=False,
            )


def depth_card():
    """A statistic of every layer at the cursor's step, and below it what differs."""
    with cards.card("profile", height="stretch"):
        with st.container(key="profile_choice"):
            what = st.selectbox(
                "By depth", list(PROFILES), key="compare_profile", bind="query-params",
                label_visibility="collapsed", width=150,
            )  # fmt: skip
        components.depth_profile(
            [],
            key="compare_profiles",
            follow=True,
            cursor=True,
            metric=PROFILES[what],
            height=250,
            frame=False,
        )
        st.html(cards.heading("What differs"))
        if len(drawn) < 2:
            st.html('<div class="card-below">Tick two runs or more to see what differs.</div>')
        else:
            st.html(differences.table(drawn, labels, names))


def first_run():
    """What would be here, and the button that brings it."""
    with cards.card("first"):
        cards.empty(
            "No runs to compare yet",
            "Train two networks that differ in one switch; their curves, what became of them and"
            " the settings in which they differ stand here.",
        )
        if st.button("Open the Lab", key="open_lab", type="primary"):
            st.switch_page("app_pages/lab.py")


runs = index.entries(state.store())
by_id = {entry.id: entry for entry in runs}
ways = groups.ways(runs)
metrics = listing.metrics(runs)
choice, problems = address.read(st.query_params, by_id)
problems += address.complaints(
    group_by=ways, compare_metric=metrics, compare_x=AXES, compare_smooth=SMOOTHING,
    compare_profile=PROFILES,
)  # fmt: skip
choice = address.kept(choice, by_id, problems)
for sentence in (*address.remembered(problems), *index.problems(state.store()).values()):
    cards.problem(sentence)
if not runs:
    first_run()
else:
    axis = st.session_state.get("compare_x", "step")
    listed, by, actions_slot = top_line()
    labels = groups.labels(listed, by)
    beside = run_names.among(runs)  # of all runs, as every other page calls them
    names = beside.names
    drawn = [by_id[id] for id in choice.drawn([entry.id for entry in listed])]
    with actions_slot:
        buttons()
    if sentence := actions.problem():
        cards.problem(sentence)
    left, right = st.columns([46, 54], gap="small")
    with left:
        table_card()
    with right:
        outcome_card()
    left, right = st.columns([69, 31], gap="small")
    with left:
        curves_card()
    with right:
        depth_card()
