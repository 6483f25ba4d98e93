"""Compare's cards; each is given what it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from core.catalogue import comparable
from core.catalogue.entry import Entry
from core.config import RunConfig
from core.language import mark, t
from core.metrics.derived import BITS_PER_BYTE
from core.runs import Run
from dashboard import components
from dashboard.address import page
from dashboard.address.param import word
from dashboard.address.widgets import as_left, pills, selection
from dashboard.compare import (
    address,
    differences,
    edit,
    groups,
    listing,
    outcomes,
    rows,
    share,
    which_trained,
)
from dashboard.compare.address import Choice
from dashboard.compare.model import Compare, Listing, arrange
from dashboard.components import beside, table
from dashboard.launch import grid_dialog, twins
from dashboard.notice import pages as notice
from dashboard.settings import held
from dashboard.settings.form import DEFAULT, to_config
from dashboard.ui import cards, changes

WIDGETS = (
    "compare_filter", "group_by", "compare_matrix", "compare_metric", "compare_x", "compare_log_x",
    "compare_log", "compare_smooth",
)  # fmt: skip
AXES = (mark("step"), mark("tokens"), mark("seconds"), "FLOPs")
SMOOTHING = ("0", "0.5", "0.8", "0.9", "0.95", "0.98", "0.99")
PROFILES = {
    mark("gradient norm"): "grad_norm/block",
    mark("residual RMS"): "activation/rms/resid_post",
    mark("attention entropy"): "attention/entropy",
    mark("effective rank"): "activation/effective_rank/resid_post",
    mark("attention branch over its skip path"): "branch/share/attn",
    mark("feed-forward branch over its skip path"): "branch/share/mlp",
    mark("share of dead units"): "activation/dead/mlp.post",
}


def top_line(
    model: Compare, choice: Choice, handed_on: Callable[[Sequence[Entry]], None] | None = None
) -> Listing:
    """The filter, how runs are grouped, and what can be made of those that are drawn.

    `handed_on` draws another button beside them, for the runs that it is given.
    """
    ways = groups.ways(model.runs)
    as_left(*WIDGETS)
    with st.container(horizontal=True, key="compare_top", gap="small"):
        with st.container(key="filter_line"):
            text = st.text_input(
                t("Filter"), key="compare_filter", bind="query-params",
                label_visibility="collapsed",
                placeholder=t('Search, or filter: model.depth >= 12 and placement == "post"'),
            )  # fmt: skip
            filtered = listing.filtered(model.runs, text)
            st.html(f'<span class="found">{listing.counted(filtered[0], model.runs)}</span>')
        by = selection(
            "group_by", t("Group by"), {way: groups.way_words(way) for way in ways},
            label_visibility="collapsed", width=176,
        )  # fmt: skip
        shown = arrange(model, choice, filtered, by)
        with st.container(horizontal=True, key="compare_actions", gap="small", width="content"):
            _buttons(shown)
            if handed_on is not None:
                handed_on(shown.drawn)
    return shown


def _buttons(shown: Listing) -> None:
    """What can be made of the runs that are drawn."""
    drawn = shown.drawn
    only = drawn[0] if len(drawn) == 1 else shown.focus
    if only is not None and only.origin:  # the lab can't train its network
        only = None
    if changes.button(t("Train twin"), key="train_twin", disabled=only is None) and only:
        twins.dialog(only.run.config, partial(_train_twin, only.run))
    if changes.button(t("Ablation grid"), key="ablation_grid"):
        config, _ = to_config(held.widget_values())
        bases = [only] if only else [entry for entry in drawn if not entry.origin][:5]
        grid_dialog.dialog(config or DEFAULT, {shown.names[e.id]: e.run.config for e in bases})
    if st.button(t("Report"), key="report", disabled=not drawn):
        share.report_dialog(drawn, shown.groups)
    share.export_popover(drawn)


def _train_twin(base: Run, twin: RunConfig, dotted: str, value: object) -> None:
    """Of a run that is there only the twin is trained, and the Lab's focus stays where it is."""
    twins.train_twin(base, twin, dotted, value)


def runs_table(model: Compare, choice: Choice, shown: Listing) -> None:
    """All listed runs; those that are ticked are drawn."""
    counts_flops = st.session_state.get("compare_x") == "FLOPs"
    with cards.card("table", height="stretch"):
        columns = rows.columns(shown.listed)
        result = table.runs_table(
            rows.rows(shown.listed, columns, shown.groups, shown.names, counts_flops, shown.labels),
            columns,
            address.order(choice),
            on_choice=address.heard,
            edits=changes.are_allowed(),
            alive=sum(entry.alive for entry in model.runs),
            empty=t("No run matches this filter.") if model.runs else "",
        )
    if result.edit in model.by_id:
        edit.dialog(model.by_id[result.edit], model.tags)


def outcome(model: Compare, shown: Listing) -> None:
    """Which trained: the matrix of a grid or of any runs that differ, else a sentence for each."""
    with st.container(key="outcome", height="stretch", gap=None):
        if not model.in_grids:
            with st.container(key="outcome_choice"):
                by_setting = st.toggle(t("by setting"), key="compare_matrix", bind="query-params")
            if not by_setting:
                with cards.card("verdicts", height="stretch"):
                    kinds = [entry.summary.verdict.kind for entry in shown.drawn]
                    said = notice.outcomes(kinds).told()
                    title = t("What became of them")
                    components.explained(said, key="verdicts", title=title)
                    st.html(outcomes.verdicts(shown.drawn, shown.groups, shown.names))
                return
        open_cell = partial(address.open_runs, listed=[entry.id for entry in shown.listed])
        if not which_trained.card(model.runs, shown.listed, open_cell, height="stretch"):
            with cards.card("which_trained", height="stretch"):
                cards.empty(t("Which trained?"), t("The listed runs do not differ in any setting."))


def curves(model: Compare, choice: Choice, shown: Listing) -> None:
    """The curves of the chosen runs, and the difference of twins."""
    metrics = listing.metrics(model.runs)
    page.read(word("compare_smooth", SMOOTHING, "0.9"))
    with cards.card("curves", height="stretch"):
        with st.container(horizontal=True, key="curve_choice", vertical_alignment="center"):
            metric = _metric(metrics, shown)
            x = pills(
                "compare_x", "x", {axis: t(axis) for axis in AXES}, label_visibility="collapsed"
            )
            log_x = st.toggle(t("log x"), key="compare_log_x", bind="query-params")
            log_y = st.toggle(t("log y"), key="compare_log", bind="query-params")
            with st.container(  # of its own, so that a narrow window does not part the two
                horizontal=True, key="curve_smoothing", vertical_alignment="center",
                width="content", gap="small",
            ):  # fmt: skip
                st.html(f'<span class="choice">{t("smoothing")}</span>', width="content")
                smooth = st.selectbox(
                    t("Smoothing"), SMOOTHING, SMOOTHING.index("0.9"), key="compare_smooth",
                    label_visibility="collapsed", width=74, bind="query-params",
                )  # fmt: skip
        unit = t(outcomes.unit(shown.listed, metric) or "")
        pair = outcomes.twins(shown.drawn, choice.focus)
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
            baseline=outcomes.baseline(shown.listed) if metric.startswith("loss/") else None,
            optimal=outcomes.optimal(shown.listed) if metric.startswith("loss/") else None,
            subtitle=outcomes.told_of_units(shown.drawn, metric) or unit,
            unit=unit or None,
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
                title=t("{a} minus {b}", a=shown.names[first.id], b=shown.names[second.id]),
                frame=False,
            )


def _metric(metrics: Sequence[str], shown: Listing) -> str:
    """The metric that is drawn: losses, or bits per byte where the losses of the drawn runs do not
    compare. What a reader chose stays."""
    state, own = st.session_state, metrics[0]
    if comparable.in_bits(shown.drawn):
        own = BITS_PER_BYTE
    before = state.get("compare_metric_own", metrics[0])
    if own != before and state.get("compare_metric") == before:
        state["compare_metric"] = own
    state["compare_metric_own"] = own
    return selection(
        "compare_metric", t("Metric"), {name: name for name in metrics}, own,
        label_visibility="collapsed", width=170,
    )  # fmt: skip


def depth(shown: Listing) -> None:
    """A statistic of every layer at the cursor's step, and below it what differs."""
    with cards.card("profile", height="stretch"):
        with st.container(key="profile_choice"):
            what = selection(
                "compare_profile", t("By depth"), {name: t(name) for name in PROFILES},
                label_visibility="collapsed", width=150,
            )  # fmt: skip
        chart = st.container()
        model = beside.chosen("compare_beside")
        with chart:
            components.depth_profile(
                [],
                key="compare_profiles",
                follow=True,
                cursor=True,
                metric=PROFILES[what],
                height=250,
                frame=False,
                beside=model,
            )
        st.html(cards.heading(t("What differs")))
        if len(shown.drawn) < 2:
            said = t("Tick two runs or more to see what differs.")
            cards.below(said)
        else:
            st.html(differences.table(shown.drawn, shown.groups, shown.names))
