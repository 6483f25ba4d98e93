"""Runs: what is on disk; rename, resume, delete."""

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from core import jobs
from core.runs import RunError
from core.runs.compare import state_words
from core.runs.status import RESUMABLE
from dashboard import chrome, state, summaries
from dashboard.figures.tables import runs_table
from dashboard.state import LIVE
from dashboard.words import in_bytes


def table(runs) -> pd.DataFrame:
    """One row for each run."""
    rows = [
        {
            "": "●",
            "run": run.name,
            "state": state_words(run, summaries.summary(run).verdict.kind),
            "step": run.record.step,
            "of": run.config.training.steps,
            "disk": in_bytes(run.size()),
            "created": created(run.id),
            "device": run.record.device or run.config.training.device,
            "id": run.id,
        }
        for run in runs
    ]
    return pd.DataFrame(rows)


def created(id: str) -> datetime | None:
    """When a run was created, from its id."""
    try:
        return datetime.strptime(id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def ask(chosen) -> None:
    """The buttons above the table; each says why it can't be pressed."""
    one = len(chosen) == 1
    resumable = [run for run in chosen if run.status in RESUMABLE]
    alive = [run for run in chosen if run.status in LIVE]
    nothing = "" if chosen else "Tick a run first."
    with st.container(horizontal=True, key="run_actions", gap="small"):
        with st.popover("Rename", key="rename", disabled=not one):
            if one:
                st.text_input("Name", chosen[0].name, key=f"name_{chosen[0].id}", max_chars=120)
                st.button("Keep this name", key="keep_name", on_click=rename, args=(chosen[0],))
        st.button(
            "Resume",
            key="resume_runs",
            on_click=resume,
            args=(resumable,),
            disabled=not resumable,
            help=None if resumable else nothing or "None of these can be resumed.",
        )
        why = "These runs are still at work; stop them first." if alive else ""
        if st.button(
            "Delete",
            key="delete_runs",
            disabled=not chosen or bool(alive),
            help=nothing or why or None,
        ):
            confirm(chosen)
        if chosen and st.button("Compare", key="compare_these", help="Draw their curves."):
            st.switch_page(
                "app_pages/compare.py",
                query_params={"compare_runs": ",".join(run.id for run in chosen)},
            )


def rename(run) -> None:
    """Give a run another name."""
    name = str(st.session_state[f"name_{run.id}"]).strip()
    if name:
        attempt(lambda: run.update_meta(name=name))


def resume(runs) -> None:
    """Take runs up again from their last checkpoints."""
    for run in runs:
        attempt(lambda run=run: jobs.control(state.store(), run, "resume"))


@st.dialog("Delete runs", width="small")
def confirm(runs) -> None:
    """Delete after one more question."""
    names = ", ".join(f"**{run.name}**" for run in runs[:5])
    more = f" and {len(runs) - 5} more" if len(runs) > 5 else ""
    size = in_bytes(sum(run.size() for run in runs))
    st.markdown(f"{names}{more}: {size} on disk. Deleted runs can't be brought back.")
    with st.container(horizontal=True, gap="small"):
        if st.button("Delete for good", key="delete_for_good", type="primary"):
            for run in runs:
                attempt(lambda run=run: state.store().delete(run.id))
            st.rerun()
        if st.button("Keep", key="keep_runs"):
            st.rerun()


def attempt(act) -> None:
    """Do it, or keep the sentence that says why not."""
    try:
        act()
    except (RunError, OSError) as error:
        st.session_state["runs_problem"] = str(error)


runs = summaries.newest(state.store())
unreadable = state.store().unreadable()
if sentence := st.session_state.pop("runs_problem", ""):
    chrome.problem(sentence)
if not runs and not unreadable:
    with chrome.card("first"):
        chrome.empty("No runs yet", "Every network that you train is listed here with its state.")
        if st.button("Open the Lab", key="open_lab", type="primary"):
            st.switch_page("app_pages/lab.py")
if runs:
    with chrome.card("runs", "Runs", str(state.store().root)):
        slot = st.container()
        event = st.dataframe(
            runs_table(table(runs), runs, st.context.theme.type == "dark"),
            key="runs_list",
            on_select="rerun",
            selection_mode="multi-row",
            hide_index=True,
            row_height=36,
            height=620 if len(runs) > 15 else "content",
            column_config={
                "": st.column_config.TextColumn("", width=28),
                "run": st.column_config.TextColumn("Run", width=240),
                "state": "State",
                "step": st.column_config.NumberColumn("Step", format="localized"),
                "of": st.column_config.NumberColumn("Steps", format="localized"),
                "disk": st.column_config.TextColumn("On disk", alignment="right"),
                "created": st.column_config.DatetimeColumn("Created", format="YYYY-MM-DD HH:mm"),
                "device": "Device",
                "id": st.column_config.TextColumn("Id", width=260),
            },
            alt="All runs on disk with state, size and device",
        )
        with slot:
            ask([runs[row] for row in event.selection.rows if row < len(runs)])
if unreadable:
    with chrome.card("unreadable", "Folders that can't be read", f"{len(unreadable)}"):
        for sentence in unreadable.values():
            chrome.problem(sentence)
