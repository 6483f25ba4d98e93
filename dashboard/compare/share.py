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
from core.language import mark, t
from core.pretrained.export import export as export_model
from core.pretrained.export import family_for
from core.runs import Run, RunError
from core.transfer.tables import Format, export
from dashboard.compare.listing import counted
from dashboard.live.feed import store
from dashboard.report.page import report
from dashboard.ui import cards
from dashboard.ui.language import in_this_language

ARRIVES = 0.5  # seconds
FORMS: dict[Format, tuple[str, str]] = {
    "csv": ("CSV", mark("Tables of every metric, in a zip.")),
    "parquet": ("Parquet", mark("The same, typed; opens with polars and pandas.")),
    "tensorboard": ("TensorBoard", mark("Event files for a log directory.")),
    "zip": (
        mark("Runs as a zip"),
        mark("Everything, with checkpoints; the page Runs takes it in."),
    ),
}


def export_popover(entries: Sequence[Entry], ticked: bool = False) -> None:
    """A button for each form; `ticked`: what the page calls those that it takes."""
    with st.popover(t("Export"), key="export", disabled=not entries):
        runs = [entry.run for entry in entries]
        runs_said = counted(entries, entries)
        st.caption(
            t("{runs}: those that are ticked.", runs=runs_said)
            if ticked
            else t("{runs}: those that are drawn.", runs=runs_said)
        )
        for form, (label, what) in FORMS.items():
            st.download_button(
                t(label),
                in_this_language(_made(runs, form)),
                f"runs-{form}.zip" if form != "zip" else "runs.zip",
                "application/zip",
                key=f"export_{form}",
                on_click="ignore",
                width="stretch",
            )
            cards.below(what)
        _model_button(runs)


def _model_button(runs: Sequence[Run]) -> None:
    """One run as a folder that `transformers` loads, where it has such a network."""
    why = _no_model(runs)
    st.download_button(
        t("Model for transformers"),
        in_this_language(_model(runs)),
        "model.zip",
        "application/zip",
        key="export_transformers",
        on_click="ignore",
        width="stretch",
        disabled=bool(why),
    )
    what = why or t("The newest checkpoint with its tokenizer and a model card, in a zip.")
    cards.below(what)


def _no_model(runs: Sequence[Run]) -> str:
    if len(runs) != 1:
        return t("One run becomes one folder for transformers: choose a single run.")
    try:
        runs[0].check_ours()
        steps = runs[0].checkpoints
        if not steps:
            return t("It has no checkpoint yet.")
        family_for(runs[0], runs[0].model_at(steps[-1]))
    except RunError as error:
        return t(error)
    return ""


def _model(runs: Sequence[Run]) -> Callable[[], BinaryIO]:
    def make() -> BinaryIO:
        folder = Path(tempfile.mkdtemp())
        try:
            export_model(runs[0], folder / "model")
            return open(shutil.make_archive(str(folder / "zip"), "zip", folder / "model"), "rb")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return make


def _made(runs: Sequence[Run], form: Format) -> Callable[[], BinaryIO]:
    """Makes the file when the button is pressed; its folder is gone before it is read."""

    def make() -> BinaryIO:
        folder = Path(tempfile.mkdtemp())
        try:
            return open(export(runs, form, folder / "runs.zip"), "rb")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return make


def report_dialog(entries: Sequence[Entry], labels: Mapping[str, str]) -> None:
    """Ask what the report says beside its charts, make it, and hand it over."""
    st.dialog(t("Report"), width="medium")(_ask)(entries, labels)


def _ask(entries: Sequence[Entry], labels: Mapping[str, str]) -> None:
    st.caption(
        t(
            "One HTML file about the {runs} that are drawn, with its charts inside; it opens"
            " offline.",
            runs=counted(entries, entries),
        )
    )
    said: dict[str, str] = st.session_state.setdefault("report_said", {})
    said["title"] = st.text_input(
        t("Title"), key="report_title", max_chars=200, placeholder=t("from the runs")
    )
    said["hypothesis"] = st.text_area(
        t("Hypothesis"), key="report_hypothesis", max_chars=5000, height=80
    )
    said["conclusions"] = st.text_area(
        t("Conclusions"), key="report_conclusions", max_chars=5000, height=110
    )
    own = {entry.id: labels[entry.id] for entry in entries if entry.id in labels}

    def make() -> str:
        # The press takes the cursor out of a field, and its text arrives right after the press.
        time.sleep(ARRIVES)
        runs = [entry.run for entry in entries]
        title, hypothesis, conclusions = said["title"], said["hypothesis"], said["conclusions"]
        return report(store(), runs, title, hypothesis, conclusions, own)

    st.download_button(
        t("Download report"),
        in_this_language(make),
        f"{_slug(said['title']) or 'report'}.html",
        "text/html",
        key="report_download",
        type="primary",
        on_click="ignore",
    )


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60]
