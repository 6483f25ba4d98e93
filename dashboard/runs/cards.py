"""The cards of the page Runs; each is given the folder, or the runs that are ticked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from core.catalogue.entry import Entry
from core.jobs.queue import Where
from core.language import mark, t
from core.runs import Run
from core.runs.retention import RULES
from core.runs.status import RESUMABLE
from dashboard.address.chosen import MOST
from dashboard.compare import edit, listing, share
from dashboard.components import table
from dashboard.runs import actions, ticks
from dashboard.runs import listing as lists
from dashboard.runs.model import Folder
from dashboard.runs.sizes import sizes
from dashboard.ui import cards, changes, looks

MOST_MEGABYTES = 2000  # of a zip
LINE, LINES = 34, 17  # pixels of a line of the table, and lines in sight at most


def _top_line(folder: Folder, shown: Sequence[Entry]) -> list[Entry]:
    """Which list, the filter and how much the list takes on disk; returns what passes it."""
    with st.container(horizontal=True, key="runs_top", gap="small"):
        text = st.text_input(
            t("Filter"), key="runs_filter", bind="query-params", label_visibility="collapsed",
            placeholder=t('Search, or filter: state == stopped and not "keep" in tags'),
        )  # fmt: skip
        listed, problem = listing.filtered(shown, text)
        found = lists.total(listed, shown, folder.on_disk)
        st.html(f'<span class="found" title="{escape(t(RULES))}">{found}</span>', width="content")
    if problem:
        cards.problem(problem)
    return listed


def _buttons(
    folder: Folder,
    chosen: Sequence[Entry],
    handed_on: Callable[[Sequence[Entry]], None] | None = None,
) -> None:
    """What can be done to the ticked runs; each button says why it can't be pressed.

    `handed_on` draws another one, beside the exports.
    """
    runs = [entry.run for entry in chosen]
    resumable = [run for run in runs if run.status in RESUMABLE and not run.origin]
    nothing = None if chosen else t("Tick a run first.")
    with st.container(horizontal=True, key="run_actions", gap="small"):
        with changes.popover(
            t("Rename"), key="rename", disabled=len(chosen) != 1, on_change="rerun"
        ):
            if len(chosen) == 1:
                _rename_form(chosen[0])
        with changes.popover(t("Tag"), key="tag_runs", disabled=not chosen, on_change="rerun"):
            if chosen:
                _tag_form(folder, chosen)
        changes.button(
            t("Resume"),
            key="resume_runs",
            on_click=actions.resume,
            args=(resumable,),
            disabled=not resumable,
            help=None if resumable else nothing or t("None of these can be resumed."),
        )
        if any(entry.state == "queued" for entry in folder.entries):
            _queue_buttons([run for run in runs if run.status == "queued"], nothing)
        if st.button(t("Compare"), key="compare_these", disabled=not chosen, help=nothing):
            st.switch_page(
                "app_pages/compare.py",
                query_params={"compare_runs": ",".join(entry.id for entry in chosen)},
            )
        few = 0 < len(chosen) <= MOST
        why = nothing or t("The Lab shows one run or two; tick fewer.")
        if st.button(
            t("Open in Lab"), key="open_in_lab", disabled=not few, help=None if few else why
        ):
            st.switch_page(
                "app_pages/lab.py",
                query_params={"lab_runs": ",".join(entry.id for entry in chosen)},
            )
        share.export_popover(chosen, ticked=True)
        if handed_on is not None:
            handed_on(chosen)
        _import_popover()
        _adopt_popover()
        if changes.button(
            t("Delete"),
            key="delete_runs",
            icon=":material/delete:",
            disabled=not chosen,
            help=nothing,
        ):
            alive = [entry for entry in chosen if entry.alive]
            if alive:
                _confirm_stop(runs, len(alive))
            else:
                actions.delete(runs)
                st.rerun()


QUEUE: tuple[tuple[Where, str, str, str], ...] = (
    (
        "first",
        mark("First"),
        ":material/vertical_align_top:",
        mark("Next: before all that wait"),
    ),
    ("up", mark("Up"), ":material/arrow_upward:", mark("One place up in the queue")),
    ("down", mark("Down"), ":material/arrow_downward:", mark("One place down in the queue")),
)


def _queue_buttons(waiting: Sequence[Run], nothing: str | None) -> None:
    """Move the ticked runs that wait; drawn while any run waits."""
    for where, label, icon, said in QUEUE:
        changes.button(
            t(label),
            key=f"queue_{where}",
            icon=icon,
            on_click=actions.move,
            args=(waiting, where),
            disabled=not waiting,
            help=t(said) if waiting else nothing or t("None of these waits."),
        )


def _rename_form(entry: Entry) -> None:
    """One field; Enter keeps the name."""
    field = f"name_{entry.id}"
    with st.form("rename_form", border=False):
        st.text_input(t("Name"), entry.name, key=field, max_chars=120)
        kept = changes.submit(t("Keep this name"), key="keep_name", on_click=_shut)
    if kept:
        actions.rename(entry.run, st.session_state[field])
        st.rerun()


def _tag_form(folder: Folder, chosen: Sequence[Entry]) -> None:
    """The tags that all ticked runs have, and the note where one is ticked."""
    common = [tag for tag in chosen[0].tags if all(tag in entry.tags for entry in chosen)]
    ids = hash(tuple(entry.id for entry in chosen))
    with st.form("tag_form", border=False):
        tags = st.multiselect(
            t("Tags") if len(chosen) == 1 else t("Tags of all {n}", n=len(chosen)),
            folder.tags, common, key=f"tags_{ids}", accept_new_options=True,
            placeholder=t("Type a word, press Enter"),
        )  # fmt: skip
        note = None
        if len(chosen) == 1:
            before = str(chosen[0].meta["note"])
            note = st.text_area(t("Note"), before, key=f"note_{ids}", max_chars=2000, height=90)
        kept = changes.submit(t("Keep"), key="keep_tags", on_click=_shut)
    if kept:
        actions.retag([entry.run for entry in chosen], common, tags)
        if note is not None:
            actions.attempt(partial(chosen[0].run.update_meta, note=note.strip()))
        st.rerun()


def _shut() -> None:
    """Close the popovers whose form was sent."""
    st.session_state["rename"] = st.session_state["tag_runs"] = False


def _confirm_stop(runs: list[Run], alive: int) -> None:
    """Ask before runs at work are stopped."""
    st.dialog(t("Delete runs"), width="small")(_ask_to_stop)(runs, alive)


def _ask_to_stop(runs: list[Run], alive: int) -> None:
    said = t("This run is at work. It is stopped with a checkpoint, then it moves to the trash.")
    if len(runs) > 1:
        said = t(
            "One of these runs is at work. Stopping keeps a checkpoint; then all {all} move to the"
            " trash.",
            "{n} of these runs are at work. Stopping keeps a checkpoint; then all {all} move to the"
            " trash.",
            n=alive,
            all=len(runs),
        )
    st.markdown(said)
    with st.container(horizontal=True, gap="small"):
        if changes.button(
            t("Stop and delete"),
            key="delete_stopped",
            icon=":material/delete:",
            on_click=actions.delete,
            args=(runs, True),
        ):
            st.rerun()
        if st.button(t("Keep"), key="keep_runs"):
            st.rerun()


def _trash_buttons(folder: Folder, chosen: Sequence[Entry]) -> None:
    """Bring back, or remove for good."""
    nothing = None if chosen else t("Tick a run first.")
    keys = [entry.id for entry in chosen]
    every = [one.key for one in folder.store.trash.list()]
    with st.container(horizontal=True, key="trash_actions", gap="small"):
        if changes.button(t("Restore"), key="restore_runs", disabled=not chosen, help=nothing):
            actions.restore(keys)
            st.rerun()
        if changes.button(
            t("Delete for good"),
            key="delete_for_good",
            icon=":material/delete_forever:",
            disabled=not chosen,
            help=nothing,
        ):
            _confirm_removal(keys)
        if changes.button(
            t("Empty trash"),
            key="delete_trash",
            icon=":material/delete_forever:",
            disabled=not every,
        ):
            _confirm_removal(every)


def _confirm_removal(keys: Sequence[str]) -> None:
    """Ask once more: this can't be undone."""
    st.dialog(t("Delete for good"), width="small")(_ask_to_remove)(keys)


def _ask_to_remove(keys: Sequence[str]) -> None:
    st.markdown(
        t(
            "{n:,} run in the trash. This can't be undone.",
            "{n:,} runs in the trash. This can't be undone.",
            n=len(keys),
        )
    )
    with st.container(horizontal=True, gap="small"):
        if st.button(
            t("Delete for good"),
            key="delete_confirmed",
            icon=":material/delete_forever:",
            on_click=actions.remove,
            args=(keys,),
        ):
            st.rerun()
        if st.button(t("Keep"), key="keep_trash"):
            st.rerun()


def _import_popover() -> None:
    """Where a zip of runs is dropped."""
    with changes.popover(t("Import runs"), key="import_popover"):
        st.caption(t("A zip of runs, as Export makes it: metrics, checkpoints and all."))
        st.file_uploader(
            t("Zip of runs"),
            type=["zip"],
            key="import_runs",
            on_change=actions.import_zip,
            label_visibility="collapsed",
            max_upload_size=MOST_MEGABYTES,
        )
        with st.form("take_in_form", border=False):
            st.caption(
                t(
                    "Or what another program kept on this machine: TensorBoard's event files, W&B's"
                    " .wandb files or CSV exports, MLflow's mlruns or mlflow.db, trackio's .db,"
                    " Parquet of Neptune's exporter."
                )
            )
            st.text_input(t("File or folder"), key="take_in_path", max_chars=1000)
            if changes.submit(t("Import"), key="take_in_runs"):
                actions.take_in_named()
                st.rerun()


def _adopt_popover() -> None:
    """Where a pretrained model is named."""
    adopting = changes.popover(t("Adopt a model"), key="adopt_popover")
    with adopting, st.form("adopt_form", border=False):
        st.caption(
            t(
                "A pretrained model becomes a run with one checkpoint: a folder of `transformers`"
                " with safetensors (GPT-2, Llama, Mistral, Qwen, OLMo, BERT), a GGUF file, or a"
                " name of the Hugging Face hub, which is fetched once."
            )
        )
        st.text_input(
            t("Folder or .gguf file"), key="adopt_path", max_chars=1000,
            placeholder=t("or OWNER/NAME of the hub"),
        )  # fmt: skip
        if changes.submit(t("Adopt"), key="adopt_model"):
            actions.adopt_model()
            st.rerun()


def _table(
    folder: Folder,
    rows: Sequence[Mapping[str, Any]],
    key: str,
    shows: Sequence[str],
    names: table.Names,
    empty: str,
) -> Any:
    """The one table of runs, with this page's columns."""
    return table.runs_table(
        rows, [], ticks.order(key),
        key=key, shows=shows, most=None, chosen="ticked", names=names, empty=empty,
        height=LINE * (min(max(len(rows), 1), LINES) + 1) + 42,
        alive=folder.alive,
        on_choice=partial(ticks.heard, key),
        edits=changes.are_allowed(),
    )  # fmt: skip


def runs(folder: Folder, handed_on: Callable[[Sequence[Entry]], None] | None = None) -> None:
    """The folder's runs, or those in its trash."""
    with cards.card("runs"):
        with st.container(horizontal=True, key="runs_head", vertical_alignment="center"):
            many = {mark("Runs"): len(folder.entries), mark("Trash"): len(folder.trashed)}
            view = st.segmented_control(
                t("List"), list(many), default="Runs", required=True, key="runs_view",
                label_visibility="collapsed", format_func=lambda one: f"{t(one)} {many[one]:,}",
            )  # fmt: skip
            # Where it lies is nothing to those whom it is only shown.
            root = folder.store.root if changes.are_allowed() else folder.store.root.name
            st.html(f'<span class="card-note">{escape(str(root))}</span>')
        if view == "Trash":
            _trash_list(folder)
        else:
            _runs_list(folder, handed_on)


def _runs_list(folder: Folder, handed_on: Callable[[Sequence[Entry]], None] | None) -> None:
    """Every run of the folder."""
    listed = _top_line(folder, folder.entries)
    _buttons(folder, ticks.ticked(actions.RUNS, listed), handed_on)
    rows = lists.table(listed, folder.on_disk)
    empty = (
        t("No run matches this filter.") if folder.entries else t("No runs; the trash has some.")
    )
    edited = _table(folder, rows, actions.RUNS, table.RUNS, "edit", empty).edit
    for entry in listed:
        if entry.id == edited:
            edit.dialog(entry, folder.tags)


def _trash_list(folder: Folder) -> None:
    """The deleted runs."""
    listed = _top_line(folder, folder.trashed)
    _trash_buttons(folder, ticks.ticked(actions.TRASH, listed))
    ids = {entry.id for entry in listed}
    rows = [row for row in lists.trash_table(folder.store, folder.on_disk) if row["id"] in ids]
    empty = t("No run matches this filter.") if folder.trashed else t("The trash is empty.")
    _table(folder, rows, actions.TRASH, table.TRASH, "tick", empty)


def unreadable(folder: Folder) -> None:
    """Folders that look like runs but can't be read, each with the button that deletes it."""
    with cards.card("unreadable", t("Folders that can't be read"), f"{len(folder.unreadable)}"):
        for id, sentence in folder.unreadable.items():
            with st.container(horizontal=True, key=f"damaged_{id}", vertical_alignment="center"):
                cards.problem(sentence)
                if changes.button(t("Delete"), key=f"delete_{id}", icon=":material/delete:"):
                    actions.delete([folder.store.open(id)])
                    st.rerun()


def first_run() -> None:
    """The card of a folder without runs, and the buttons that bring some."""
    cards.first_run(
        t("No runs yet"),
        t("Every network that you train is listed here with its state."),
        _bring_runs,
    )


def _bring_runs() -> None:
    """The ways to runs beside training some."""
    _import_popover()
    _adopt_popover()


def news() -> None:
    """The lines that say what was done and what went wrong, and Undo for the last deletion."""
    problems, said = actions.heard()
    for sentence in problems:
        cards.problem(sentence)
    for sentence in said:
        cards.below(sentence, status=True)
    if undo := actions.undo():
        keys, sentence = undo
        with st.container(horizontal=True, key="undo_line", vertical_alignment="center"):
            st.html(f'<div class="undo" role="status">{escape(sentence)}</div>', width="content")
            if changes.button(t("Undo"), key="undo_delete"):
                actions.restore(keys)
                st.rerun()


@st.fragment(run_every=1.0)
def counting(folder: Folder) -> None:
    """Draw the page anew once half of the missing sizes are counted, and so on to the last."""
    missing = len(folder.every) - len(folder.on_disk)
    left = len(folder.every) - len(sizes().of(folder.every, 0))
    if left <= missing // 2 and looks.is_later_look():
        st.rerun()
