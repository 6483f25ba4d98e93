"""The button that hands a published page over, made when it is pressed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from core.catalogue.entry import Entry
from core.language import t
from core.metrics import limits
from core.runs import Run
from dashboard.compare.listing import counted
from dashboard.publish.page import publish
from dashboard.ui import cards
from dashboard.ui.language import in_this_language


def popover(entries: Sequence[Entry]) -> None:
    """*Publish*: what will be in the folder, and the zip that holds it."""
    with st.popover(t("Publish"), key="publish", disabled=not entries):
        st.caption(
            t(
                "{runs} as a folder with their charts, attention and texts. Unpacked, its"
                " index.html opens in a browser, without a server; any static host serves it.",
                runs=counted(entries, entries),
            )
        )
        many = len(entries) > limits.RUNS
        st.download_button(
            t("Download the folder"),
            in_this_language(_made([entry.run for entry in entries])),
            "published.zip",
            "application/zip",
            key="publish_download",
            on_click="ignore",
            width="stretch",
            disabled=many,
        )
        if many:
            said = t("A page is about {most} runs at most.", most=limits.RUNS)
            cards.below(said)


def _made(runs: Sequence[Run]) -> Callable[[], BinaryIO]:
    """Makes the zip when the button is pressed; its folder is gone before it is read."""

    def make() -> BinaryIO:
        folder = Path(tempfile.mkdtemp())
        try:
            publish(runs, folder / "published")
            return open(shutil.make_archive(str(folder / "zip"), "zip", folder, "published"), "rb")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return make
