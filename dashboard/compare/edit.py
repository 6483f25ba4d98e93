"""What people say of a run: its name, tags, note and colour."""

from __future__ import annotations

import streamlit as st

from core.catalogue.entry import Entry
from core.language import mark, t
from core.palette import RUNS
from core.runs import RunError
from dashboard.ui import cards, changes

COLOURS = (
    mark("blue"),
    mark("vermilion"),
    mark("green"),
    mark("pink"),
    mark("amber"),
    mark("sky"),
    mark("brown"),
    mark("slate"),
)


def dialog(entry: Entry, known_tags: list[str]) -> None:
    """Ask for name, tags, note and colour; kept in the run's folder."""
    st.dialog(t("Edit run"), width="small")(_ask)(entry, known_tags)


def _ask(entry: Entry, known_tags: list[str]) -> None:
    st.html(_swatches())
    with st.form("run_form", border=False):  # so that Enter in the name keeps it
        name = st.text_input(t("Name"), entry.name, key="run_name_edit", max_chars=120)
        tags = st.multiselect(
            t("Tags"),
            sorted({*known_tags, *entry.tags}),
            entry.tags,
            key="run_tags",
            accept_new_options=True,
            placeholder=t("Type a word and press Enter"),
        )
        note = st.text_area(
            t("Note"), str(entry.meta["note"]), key="run_note", max_chars=2000, height=90
        )
        colour = st.pills(
            t("Colour"),
            COLOURS,
            format_func=t,
            default=COLOURS[entry.colour % len(COLOURS)],
            required=True,
            key="run_colour",
        )
        with st.container(horizontal=True, gap="small"):
            keep = changes.submit(t("Keep"), key="run_keep", type="primary")
            if st.form_submit_button(t("Cancel"), key="run_cancel"):
                st.rerun()
    if keep and not name.strip():
        cards.problem(t("Give the run a name."))
        return
    if keep:
        try:
            entry.run.update_meta(
                name=name.strip(),
                tags=tags,
                note=note.strip(),
                colour=_recoloured(entry.colour, colour),
            )
        except (RunError, OSError) as error:
            cards.problem(t("This could not be kept: {error}", error=t(error)))
            return
        st.rerun()


def _swatches() -> str:
    """A dot of its colour before each word."""
    pairs = zip(RUNS["light"], RUNS["dark"], strict=True)
    rules = "".join(
        f".st-key-run_colour button:nth-child({i}) p::before"
        f"{{background:light-dark({light},{dark})}}"
        for i, (light, dark) in enumerate(pairs, 1)
    )
    return f"<style>{rules}</style>"


assert len(COLOURS) == len(RUNS["light"])


def _recoloured(before: int, colour: str) -> int:
    """The index of a colour, in the dash that the run has."""
    return before - before % len(COLOURS) + COLOURS.index(colour)
