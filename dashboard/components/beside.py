"""The control that lays a pretrained model beside the runs of a depth profile."""

from __future__ import annotations

import streamlit as st

from core.language import t
from core.runs import Run
from dashboard.address.widgets import selection
from dashboard.catalogue.run_names import name_of
from dashboard.live.feed import store

NOBODY = ""


def chosen(key: str) -> Run | None:
    """Draw the control, where models were adopted; the one that was chosen."""
    models = {run.id: run for run in reversed(store().list()) if run.source and run.checkpoints}
    if not models:
        return None
    names = {NOBODY: t("no pretrained model"), **{id: name_of(run) for id, run in models.items()}}
    with st.container(key=f"{key}_line", horizontal=True, gap="small", vertical_alignment="center"):
        st.html(f'<span class="choice">{t("Beside")}</span>', width="content")
        found = selection(key, t("Beside"), names, label_visibility="collapsed", width=220)
    return models.get(found)
