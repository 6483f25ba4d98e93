"""Taking runs elsewhere: files of the runs that are drawn, made when they are asked for."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from core.catalogue.entry import Entry
from core.runs import Run
from core.transfer.tables import Format, export
from dashboard.compare.listing import counted
from dashboard.live.feed import store
from dashboard.report.page import report

ARRIVES = 0.5  # seconds
FORMS: dict[Format, tuple[str, str]] = {
    "csv": ("CSV", "Tables of every metric, in a zip."),
    "parquet": ("Parquet", "The same, typed; opens with polars and pandas."),
    "tensorboard": ("TensorBoard", "Event files for a log directory."),
    "zip": ("Runs as a zip", "Everything, with checkpoints; the page Runs takes it in."),
}


def export_popover(entries: Sequence[Entry], chosen: str = "drawn") -> None:
    """A button for each form; `chosen` is what the page calls runs that are ticked."""
    with st.popover("Export", key="export", disabled=not entries):
        runs = [entry.run for entry in entries]
        st.caption(f"{counted(entries, entries)}: those that are {chosen}.")
        for form, (label, what) in FORMS.items():
            st.download_button(
                label,
                _made(runs, form),
                f"runs-{form}.zip" if form != "zip" else "runs.zip",
                "application/zip",
                key=f"export_{form}",
                on_click="ignore",
                width="stretch",
            )
            st.html(f'<div class="card-below">{what}</div>')


def _made(runs: Sequence[Run], form: Format) -> Callable[[], BinaryIO]:
    """Makes the file when the button is pressed; its folder is gone before it is read."""

    def make() -> BinaryIO:
        folder = Path(tempfile.mkdtemp())
        try:
            return open(export(runs, form, folder / "runs.zip"), "rb")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return make


@st.dialog("Report", width="medium")
def report_dialog(entries: Sequence[Entry], labels: Mapping[str, str]) -> None:
    """Ask what the report says beside its charts, make it, and hand it over."""
    st.caption(
        f"One HTML file about the {counted(entries, entries)} that are drawn, with its charts"
        " inside; it opens offline."
    )
    said: dict[str, str] = st.session_state.setdefault("report_said", {})
    said["title"] = st.text_input(
        "Title", key="report_title", max_chars=200, placeholder="from the runs"
    )
    said["hypothesis"] = st.text_area(
        "Hypothesis", key="report_hypothesis", max_chars=5000, height=80
    )
    said["conclusions"] = st.text_area(
        "Conclusions", key="report_conclusions", max_chars=5000, height=110
    )
    own = {entry.id: labels[entry.id] for entry in entries if entry.id in labels}

    def make() -> str:
        # The press takes the cursor out of a field, and its text arrives right after the press.
        time.sleep(ARRIVES)
        runs = [entry.run for entry in entries]
        title, hypothesis, conclusions = said["title"], said["hypothesis"], said["conclusions"]
        return report(store(), runs, title, hypothesis, conclusions, own)

    st.download_button(
        "Download report",
        make,
        f"{_slug(said['title']) or 'report'}.html",
        "text/html",
        key="report_download",
        type="primary",
        on_click="ignore",
    )


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60]
