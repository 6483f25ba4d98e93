"""Compare: choose runs, see their curves over each other and what differs."""

import streamlit as st

from core.runs.compare import equal_count
from dashboard import chrome, components, state, summaries
from dashboard.figures.tables import difference_table, runs_table, verdict_list
from dashboard.state import DEFAULTS, SETTINGS

METRICS = (
    "loss/train",
    "loss/validation",
    "accuracy/validation",
    "grad_norm/total",
    "grad_norm/embed",
    "grad_norm/head",
    "learning_rate",
    "tokens_per_second",
)
SMOOTHING = ("0", "0.5", "0.8", "0.9", "0.95", "0.98", "0.99")
OUTCOMES = {"learned": "learned", "plateau": "on the plateau", "diverged": "diverged"}
UNITS = {"accuracy": "share of images", "learning_rate": "per step", "grad_norm": "before clipping"}


def choose():
    """Write the rows that were ticked into the address."""
    rows = st.session_state["runs_table"]["selection"]["rows"]
    listed = st.session_state["compare_listed"]
    kept = [id for id in chosen_ids() if id not in listed]
    ticked = [listed[row] for row in rows if row < len(listed)]
    state.put_runs("compare_runs", [*ticked, *kept])
    st.session_state["compare_none"] = not ticked and not kept


def chosen_ids() -> list[str]:
    """The runs of the address, else all live ones and the newest."""
    named, _ = state.runs_in_address("compare_runs")
    if named or st.session_state.get("compare_none"):
        return [run.id for run in named]
    return summaries.first_choice(runs)


def table_card():
    """All runs, those that are drawn ticked."""
    with chrome.card("table"):
        text = st.text_input(
            "Search",
            key="compare_search",
            type="search",
            placeholder="Search: a name, a state, model.placement=post",
            label_visibility="collapsed",
            bind="query-params",
        )
        listed = summaries.found(runs, text)
        ids = [run.id for run in listed]
        chosen = chosen_ids()
        columns = summaries.differing(runs)
        rows = [row for row, id in enumerate(ids) if id in chosen]
        if ids != st.session_state.get("compare_listed"):
            # The table remembers ticks by position; the positions are others now.
            st.session_state["compare_listed"] = ids
            st.session_state["runs_table"] = {"selection": {"rows": rows}}
        st.dataframe(
            runs_table(summaries.table(listed, columns), listed, dark),
            key="runs_table",
            on_select=choose,
            selection_mode="multi-row",
            hide_index=True,
            height=252 if len(runs) > 5 else "content",
            row_height=36,
            column_config=column_words(columns),
            placeholder="–",
            alt="All runs with their losses and states; tick those to draw",
        )
        st.html(f'<div class="card-below">{len(chosen)} of {len(runs)} runs drawn</div>')
        return [run for run in runs if run.id in chosen]


def column_words(columns):
    """Headers: a setting's own title."""
    titles = {name: str(SETTINGS[name].title) for name in columns}
    number = st.column_config.NumberColumn
    return {
        "": st.column_config.TextColumn("", width=28, pinned=True),
        "run": st.column_config.TextColumn("Run", width=170),
        "state": st.column_config.TextColumn("State", width=130),
        "validation": number("Validation", format="%.3f", help="Last validation loss, nats"),
        "training": number("Training", format="%.3f", help="Last training loss, nats"),
        **{n: st.column_config.TextColumn(t, help=n, width=104) for n, t in titles.items()},
    }


def curves_card(chosen):
    """The curves of the chosen runs."""
    with chrome.card("curves"):
        with st.container(horizontal=True, key="curve_choice", vertical_alignment="center"):
            metric = st.selectbox(
                "Metric", METRICS, key="compare_metric", label_visibility="collapsed", width=190,
                bind="query-params",
            )  # fmt: skip
            log_y = st.toggle("log y", key="compare_log", bind="query-params")
            st.html('<span class="choice">smoothing</span>', width="content")
            smooth = st.selectbox(
                "Smoothing", SMOOTHING, SMOOTHING.index("0.9"), key="compare_smooth",
                label_visibility="collapsed", width=90, bind="query-params",
            )  # fmt: skip
        entropies = [summaries.summary(run).verdict.entropy for run in chosen]
        entropy = next((e for e in entropies if e), None)
        baseline = (
            (summaries.baseline(chosen), entropy) if entropy and metric.startswith("loss") else None
        )
        components.curves(
            [run.id for run in chosen],
            key="compare_curves",
            metric=metric,
            x="step",
            log_y=log_y,
            smooth=float(smooth),
            height=360,
            baseline=baseline,
            title=curves_title(metric, [summaries.summary(run).verdict.kind for run in chosen]),
            subtitle=UNITS.get(metric.split("/")[0], "")
            if not metric.startswith("loss")
            else f"nats per {summaries.unit_name(chosen)}",
            frame=False,
        )


def curves_title(metric, kinds):
    """What the curves show, as far as they show it yet."""
    title = {"loss/train": "Training loss", "loss/validation": "Validation loss"}.get(metric)
    if title is None:
        return metric
    counted = ((kinds.count(kind), said) for kind, said in OUTCOMES.items())
    said = [f"{number} {words}" for number, words in counted if number]
    return ": ".join([title, ", ".join(said)] if said else [title])


def verdict_card(chosen):
    """What became of each run, in a sentence."""
    with chrome.card("verdicts", "What became of them", height="stretch"):
        st.html(verdict_list([(run, summaries.summary(run).verdict) for run in chosen]))


def difference_card(chosen):
    """The settings that are not the same everywhere."""
    equal = equal_count([run.config for run in chosen])
    with chrome.card("differences", "What differs", height="stretch"):
        if len(chosen) < 2:
            st.html('<div class="card-below">Choose two runs or more to see what differs.</div>')
            return
        st.html(difference_table(chosen, summaries.difference_rows(chosen)))
        word = "setting" if equal == 1 else "settings"
        all_equal = " All settings are equal." if equal == len(DEFAULTS) else ""
        st.html(f'<div class="card-below">{equal} {word} equal.{all_equal}</div>')


dark = st.context.theme.type == "dark"
runs = summaries.newest(state.store())
_, problems = state.runs_in_address("compare_runs")
for sentence in problems:
    chrome.problem(sentence)
if not runs:
    with chrome.card("first"):
        chrome.empty(
            "No runs to compare yet",
            "Train two networks that differ in one switch; their curves, what became of them and"
            " the settings in which they differ stand here.",
        )
        if st.button("Open the Lab", key="open_lab", type="primary"):
            st.switch_page("app_pages/lab.py")
else:
    left, right = st.columns([58, 42], gap="small")
    with left:
        chosen = table_card()
    with right:
        verdict_card(chosen)
    left, right = st.columns([70, 30], gap="small")
    with left:
        if chosen:
            curves_card(chosen)
        else:
            with chrome.card("curves"):
                chrome.empty("Nothing chosen", "Tick runs in the table to draw their curves here.")
    with right:
        difference_card(chosen)
