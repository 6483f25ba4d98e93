"""Runs: what is on disk and in the trash; rename, tag, resume, delete, import and export."""

from functools import partial
from html import escape

import streamlit as st

from core.catalogue import index as catalogue
from core.runs.status import RESUMABLE
from core.runs.trash import counted
from dashboard.compare import edit, listing, share
from dashboard.components import table
from dashboard.live.feed import store as the_store
from dashboard.runs import actions, ticks
from dashboard.runs import listing as lists
from dashboard.runs.sizes import sizes
from dashboard.ui import cards

MOST_MEGABYTES = 2000  # of a zip
LINE, LINES = 34, 17  # pixels of a line of the table, and lines in sight at most


def top_line(shown):
    """Which list, the filter and how much the list takes on disk; returns what passes it."""
    with st.container(horizontal=True, key="runs_top", gap="small"):
        text = st.text_input(
            "Filter", key="runs_filter", bind="query-params", label_visibility="collapsed",
            placeholder='Search, or filter: state == stopped and not "keep" in tags',
        )  # fmt: skip
        listed, problem = listing.filtered(shown, text)
        few = "" if len(listed) == len(shown) else f"{len(listed):,} of "
        st.html(f'<span class="found">{few}{lists.total(shown, on_disk)}</span>', width="content")
    if problem:
        cards.problem(problem)
    return listed


def buttons(chosen):
    """What can be done to the ticked runs; each button says why it can't be pressed."""
    runs = [entry.run for entry in chosen]
    resumable = [run for run in runs if run.status in RESUMABLE]
    nothing = None if chosen else "Tick a run first."
    with st.container(horizontal=True, key="run_actions", gap="small"):
        with st.popover("Rename", key="rename", disabled=len(chosen) != 1, on_change="rerun"):
            if len(chosen) == 1:
                rename_form(chosen[0])
        with st.popover("Tag", key="tag_runs", disabled=not chosen, on_change="rerun"):
            if chosen:
                tag_form(chosen)
        st.button(
            "Resume",
            key="resume_runs",
            on_click=actions.resume,
            args=(resumable,),
            disabled=not resumable,
            help=None if resumable else nothing or "None of these can be resumed.",
        )
        if st.button("Compare", key="compare_these", disabled=not chosen, help=nothing):
            st.switch_page(
                "app_pages/compare.py",
                query_params={"compare_runs": ",".join(entry.id for entry in chosen)},
            )
        share.export_popover(chosen, "ticked")
        import_popover()
        if st.button(
            "Delete", key="delete_runs", icon=":material/delete:", disabled=not chosen, help=nothing
        ):
            alive = [entry for entry in chosen if entry.alive]
            if alive:
                confirm_stop(runs, len(alive))
            else:
                actions.delete(runs)
                st.rerun()


def rename_form(entry):
    """One field; Enter keeps the name."""
    field = f"name_{entry.id}"
    with st.form("rename_form", border=False):
        st.text_input("Name", entry.name, key=field, max_chars=120)
        kept = st.form_submit_button("Keep this name", key="keep_name", on_click=shut)
    if kept:
        actions.rename(entry.run, st.session_state[field])
        st.rerun()


def tag_form(chosen):
    """The tags that all ticked runs have, and the note where one is ticked."""
    known = sorted({tag for entry in entries for tag in entry.tags})
    common = [t for t in chosen[0].tags if all(t in entry.tags for entry in chosen)]
    ids = hash(tuple(entry.id for entry in chosen))
    with st.form("tag_form", border=False):
        tags = st.multiselect(
            "Tags" if len(chosen) == 1 else f"Tags of all {len(chosen)}", known, common,
            key=f"tags_{ids}", accept_new_options=True, placeholder="Type a word, press Enter",
        )  # fmt: skip
        note = None
        if len(chosen) == 1:
            before = str(chosen[0].meta["note"])
            note = st.text_area("Note", before, key=f"note_{ids}", max_chars=2000, height=90)
        kept = st.form_submit_button("Keep", key="keep_tags", on_click=shut)
    if kept:
        actions.retag([entry.run for entry in chosen], common, tags)
        if note is not None:
            actions.attempt(partial(chosen[0].run.update_meta, note=note.strip()))
        st.rerun()


def shut():
    """Close the popovers whose form was sent."""
    st.session_state["rename"] = st.session_state["tag_runs"] = False


@st.dialog("Delete runs", width="small")
def confirm_stop(runs, alive):
    """Ask before runs at work are stopped."""
    which = "One of these runs is" if alive == 1 else f"{alive} of these runs are"
    st.markdown(
        f"{which} at work. Stopping keeps a checkpoint; then all {len(runs)} move to the trash."
        if len(runs) > 1
        else "This run is at work. It is stopped with a checkpoint, then it moves to the trash."
    )
    with st.container(horizontal=True, gap="small"):
        if st.button(
            "Stop and delete",
            key="delete_stopped",
            icon=":material/delete:",
            on_click=actions.delete,
            args=(runs, True),
        ):
            st.rerun()
        if st.button("Keep", key="keep_runs"):
            st.rerun()


def trash_buttons(chosen):
    """Bring back, or remove for good."""
    nothing = None if chosen else "Tick a run first."
    keys = [entry.id for entry in chosen]
    every = [one.key for one in store.trash.list()]
    with st.container(horizontal=True, key="trash_actions", gap="small"):
        if st.button("Restore", key="restore_runs", disabled=not chosen, help=nothing):
            actions.restore(keys)
            st.rerun()
        if st.button("Delete for good", key="delete_for_good", icon=":material/delete_forever:",
                     disabled=not chosen, help=nothing):  # fmt: skip
            confirm_removal(keys)
        if st.button("Empty trash", key="delete_trash", icon=":material/delete_forever:",
                     disabled=not every):  # fmt: skip
            confirm_removal(every)


@st.dialog("Delete for good", width="small")
def confirm_removal(keys):
    """Ask once more: this can't be undone."""
    st.markdown(f"{counted(len(keys))} in the trash. This can't be undone.")
    with st.container(horizontal=True, gap="small"):
        if st.button(
            "Delete for good",
            key="delete_confirmed",
            icon=":material/delete_forever:",
            on_click=actions.remove,
            args=(keys,),
        ):
            st.rerun()
        if st.button("Keep", key="keep_trash"):
            st.rerun()


def import_popover():
    """Where a zip of runs is dropped."""
    with st.popover("Import runs", key="import_popover"):
        st.caption("A zip of runs, as Export makes it: metrics, checkpoints and all.")
        st.file_uploader(
            "Zip of runs",
            type=["zip"],
            key="import_runs",
            on_change=actions.import_zip,
            label_visibility="collapsed",
            max_upload_size=MOST_MEGABYTES,
        )


def the_table(listed, rows, key, shows, names, empty):
    """The one table of runs, with this page's columns."""
    return table.runs_table(
        rows, [], ticks.order(key),
        key=key, shows=shows, most=None, chosen="ticked", names=names, empty=empty,
        height=LINE * (min(max(len(listed), 1), LINES) + 1) + 42,
        alive=sum(entry.alive for entry in entries),
        on_choice=partial(ticks.heard, key),
    )  # fmt: skip


def runs_list():
    """Every run of the folder."""
    listed = top_line(entries)
    buttons(ticks.ticked(actions.RUNS, listed))
    rows = lists.table(listed, on_disk)
    empty = "No run matches this filter." if entries else "No runs; the trash has some."
    edited = the_table(listed, rows, actions.RUNS, table.RUNS, "edit", empty).edit
    for entry in listed:
        if entry.id == edited:
            edit.dialog(entry, sorted({tag for one in entries for tag in one.tags}))


def trash_list():
    """The deleted runs."""
    listed = top_line(trashed)
    trash_buttons(ticks.ticked(actions.TRASH, listed))
    ids = {entry.id for entry in listed}
    rows = [row for row in lists.trash_table(store, on_disk) if row["id"] in ids]
    empty = "No run matches this filter." if trashed else "The trash is empty."
    the_table(listed, rows, actions.TRASH, table.TRASH, "tick", empty)


def first_run():
    """What would be here, and the button that brings it."""
    with cards.card("first"):
        cards.empty("No runs yet", "Every network that you train is listed here with its state.")
        with st.container(horizontal=True, gap="small"):
            if st.button("Open the Lab", key="open_lab", type="primary"):
                st.switch_page("app_pages/lab.py")
            import_popover()


def news():
    """What was done, what went wrong, and Undo for the last deletion."""
    problems, said = actions.heard()
    for sentence in problems:
        cards.problem(sentence)
    for sentence in said:
        st.html(f'<div class="card-below" role="status">{escape(sentence)}</div>')
    if undo := actions.undo():
        keys, sentence = undo
        with st.container(horizontal=True, key="undo_line", vertical_alignment="center"):
            st.html(f'<div class="undo" role="status">{escape(sentence)}</div>', width="content")
            if st.button("Undo", key="undo_delete"):
                actions.restore(keys)
                st.rerun()


@st.fragment(run_every=1.0)
def counting(known):
    """Draw the page anew when more sizes are counted."""
    if len(sizes().of([*entries, *trashed], 0)) > known:
        st.rerun()


store = the_store()
actions.sweep()
entries = catalogue.entries(store)
trashed = lists.deleted(store)
on_disk = sizes().of([*entries, *trashed])
if len(on_disk) < len(entries) + len(trashed):
    counting(len(on_disk))
damaged = lists.damaged(store, entries)
for id, sentence in catalogue.problems(store).items():
    if id not in damaged:
        cards.problem(sentence)
news()
if not entries and not trashed and not damaged:
    first_run()
if entries or trashed:
    with cards.card("runs"):
        with st.container(horizontal=True, key="runs_head", vertical_alignment="center"):
            view = st.segmented_control(
                "List", ["Runs", "Trash"], default="Runs", required=True, key="runs_view",
                label_visibility="collapsed",
                format_func=lambda one: f"{one} {len(trashed if one == 'Trash' else entries):,}",
            )  # fmt: skip
            st.html(f'<span class="card-note">{escape(str(store.root))}</span>')
        if view == "Trash":
            trash_list()
        else:
            runs_list()
if damaged:
    with cards.card("unreadable", "Folders that can't be read", f"{len(damaged)}"):
        for id, sentence in damaged.items():
            with st.container(horizontal=True, key=f"damaged_{id}", vertical_alignment="center"):
                cards.problem(sentence)
                if st.button("Delete", key=f"delete_{id}", icon=":material/delete:"):
                    actions.delete([store.open(id)])
                    st.rerun()
