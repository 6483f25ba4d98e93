"""Runs: what is on disk; rename, resume, delete."""

import shutil
import tempfile
from datetime import UTC, datetime
from html import escape

import pandas as pd
import streamlit as st

from core import jobs
from core.runs import RunError
from core.runs.export import import_runs
from core.runs.status import RESUMABLE
from dashboard import chrome, state
from dashboard.compare import catalogue
from dashboard.figures.tables import runs_table
from dashboard.state import LIVE
from dashboard.words import in_bytes

MOST_MEGABYTES = 2000  # of a zip


def table(entries) -> pd.DataFrame:
    """One row for each run."""
    rows = [
        {
            "": "●",
            "run": entry.name,
            "state": entry.digest.words,
            "step": entry.digest.step,
            "of": entry.digest.steps,
            "disk": in_bytes(entry.size),
            "created": created(entry.id),
            "device": entry.run.record.device or entry.flat["training.device"],
            "id": entry.id,
        }
        for entry in entries
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
        import_popover()
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
    st.markdown(f"{names}{more}: {size} on disk. They stay in the trash for 30 days.")
    with st.container(horizontal=True, gap="small"):
        if st.button("Move to the trash", key="delete_for_good"):
            for run in runs:
                attempt(lambda run=run: state.store().delete(run.id))
            st.rerun()
        if st.button("Keep", key="keep_runs"):
            st.rerun()


def import_zip() -> None:
    """Take the runs of an uploaded zip into this folder."""
    upload = st.session_state["import_runs"]
    if upload is None:
        return
    said: list[str] = []
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        try:
            shutil.copyfileobj(upload, file)
            file.flush()
            taken = import_runs(state.store(), file.name, said.append)
        except (RunError, OSError) as error:
            st.session_state["runs_problem"] = str(error)
            return
    count = f"{len(taken)} run{'s' * (len(taken) != 1)} imported from {upload.name}."
    st.session_state["runs_said"] = [count, *said[:5]]


def import_popover() -> None:
    """Where a zip of runs is dropped."""
    with st.popover("Import runs", key="import_popover"):
        st.caption("A zip of runs, as Compare exports it: metrics, checkpoints and all.")
        st.file_uploader(
            "Zip of runs",
            type=["zip"],
            key="import_runs",
            on_change=import_zip,
            label_visibility="collapsed",
            max_upload_size=MOST_MEGABYTES,
        )


def attempt(act) -> None:
    """Do it, or keep the sentence that says why not."""
    try:
        act()
    except (RunError, OSError) as error:
        st.session_state["runs_problem"] = str(error)


entries = catalogue.entries(state.store())
runs = [entry.run for entry in entries]
unreadable = state.store().unreadable()
if sentence := st.session_state.pop("runs_problem", ""):
    chrome.problem(sentence)
for sentence in st.session_state.pop("runs_said", []):
    st.html(f'<div class="card-below" role="status">{escape(sentence)}</div>')
if not runs and not unreadable:
    with chrome.card("first"):
        chrome.empty("No runs yet", "Every network that you train is listed here with its state.")
        with st.container(horizontal=True, gap="small"):
            if st.button("Open the Lab", key="open_lab", type="primary"):
                st.switch_page("app_pages/lab.py")
            import_popover()
if runs:
    with chrome.card("runs", "Runs", str(state.store().root)):
        slot = st.container()
        event = st.dataframe(
            runs_table(table(entries), entries, st.context.theme.type == "dark"),
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
