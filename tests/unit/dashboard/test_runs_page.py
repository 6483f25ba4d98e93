"""The page Runs without a browser: its rows, what its buttons do, and the script over few and many
runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.catalogue import index as catalogue
from core.files import Usage, together
from core.jobs import launcher, waiting
from core.memory import in_bytes
from core.runs import Run, RunStore
from dashboard.compare.address import Choice
from dashboard.components import table
from dashboard.runs import actions, cards, listing
from dashboard.runs.sizes import Sizes
from tests.conftest import small
from tests.fake_runs import finished

PAGE = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages" / "runs.py"


@pytest.fixture(autouse=True)
def _own_store(store: RunStore) -> None:
    """The pages show this folder of runs."""


def opened(*ticked: Run) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=120)
    if ticked:
        ids = tuple(run.id for run in ticked)
        at.session_state[f"{actions.RUNS}_choice"] = Choice("only", ids)
    at.run()
    assert [e.value for e in at.exception] == []
    return at


def press(at: AppTest, key: str) -> AppTest:
    button = at.button(key=key)
    assert not button.disabled, key
    button.click().run()
    assert [e.value for e in at.exception] == []
    return at


def said(at: AppTest) -> str:
    return " ".join(str(e.proto.body) for e in at.main if e.type == "html") + " ".join(
        m.value for m in at.markdown
    )


def keys(at: AppTest) -> dict[str, bool]:
    return {str(one.key): not one.disabled for one in at.button}


# Rows


def test_rows_have_what_the_columns_show(store: RunStore) -> None:
    run = finished(store, "kept", steps=40)
    run.update_meta(tags=["a"], note="why")
    other = finished(store, "gone", steps=20)
    key = store.delete(other.id).key
    entries = catalogue.entries(store)
    size = run.size()
    (row,) = listing.table(entries, {run.id: run.usage()})
    assert (row["size"], row["step"], row["steps"], row["note"]) == (size, 40, 40, "why")
    assert row["on_disk"].endswith("B")
    assert abs(row["created"] - run.path.stat().st_ctime) < 100
    (unknown,) = listing.table(entries, {})
    assert unknown["size"] is None
    assert unknown["on_disk"] is None
    (deleted,) = listing.trash_table(store, {})
    assert (deleted["id"], deleted["name"], deleted["left"]) == (key, "gone", 30)
    json.dumps([row, deleted], allow_nan=False)
    # Every column of a table is something that a row has.
    own = {"run": "name", "size": "on_disk"}
    for columns, made in ((table.RUNS, row), (table.TRASH, deleted)):
        assert all(own.get(name, name) in {**made, "state": 0, "step": 0} for name in columns)


def test_sizes_are_counted_once_and_those_of_live_runs_anew(store: RunStore, monkeypatch) -> None:
    runs = [finished(store, f"run {i}", steps=10) for i in range(3)]
    queued = store.create(small())
    entries = catalogue.entries(store)
    sizes = Sizes()
    expected = {run.id: run.usage() for run in [*runs, queued]}
    assert dict(sizes.of(entries, 60)) == expected
    counted: list[str] = []
    real = Run.usage
    monkeypatch.setattr(Run, "usage", lambda run: counted.append(run.id) or real(run))
    assert dict(sizes.of(entries, 60)) == expected
    sizes._counter.join()
    assert counted == [queued.id], "of runs that ended nothing is read again"


def test_a_page_does_not_wait_for_sizes(store: RunStore, monkeypatch) -> None:
    import threading

    finished(store, "slow", steps=10)
    free = threading.Event()
    monkeypatch.setattr(Run, "usage", lambda run: free.wait(60) and Usage(7, {}))
    sizes, entries = Sizes(), catalogue.entries(store)
    assert dict(sizes.of(entries, 0)) == {}
    assert "counted so far" in listing.total(entries, entries, {})
    free.set()
    assert dict(sizes.of(entries, 60)) == {entries[0].id: Usage(7, {})}
    assert listing.total(entries, entries, {entries[0].id: Usage(7, {})}) == "1 run, 7 B"


def test_what_a_fork_shares_with_its_parent_counts_once_in_totals(store: RunStore) -> None:
    parent, fork = finished(store, "parent", steps=10), finished(store, "fork", steps=10)
    (parent.path / "checkpoints" / "big").write_bytes(bytes(5 * 10**6))
    os.link(parent.path / "checkpoints" / "big", fork.path / "checkpoints" / "big")
    entries = catalogue.entries(store)
    sizes = Sizes().of(entries, 60)
    assert all(one.bytes > 5 * 10**6 for one in sizes.values()), "each of them needs it"
    assert all(one.own < 10**6 for one in sizes.values()), "and neither frees it alone"
    total = together(sizes.values())
    assert total == sum(one.own for one in sizes.values()) + 5 * 10**6
    assert listing.total(entries, entries, sizes) == f"2 runs, {in_bytes(total)}"
    alone = {fork.id: sizes[fork.id]}
    assert together(alone.values()) == fork.size()
    freed = store.trash.destroy(fork.path)
    assert freed == sizes[fork.id].own


def test_sizes_that_arrive_do_not_keep_the_table_from_the_screen(store, monkeypatch) -> None:
    """Each look finds one more; what the script has drawn is not thrown away for that."""
    for i in range(32):
        finished(store, f"run {i}", steps=4)
    looks: list[int] = []
    drawn: list[int] = []

    def of(self, entries, patience=0.2):
        looks.append(1)
        return {entry.id: Usage(1, {}) for entry in entries[: len(looks)]}

    monkeypatch.setattr(Sizes, "of", of)
    table_of = cards.lists.table
    monkeypatch.setattr(cards.lists, "table", lambda *a: drawn.append(1) or table_of(*a))
    opened()
    assert (len(looks), len(drawn)) == (2, 1)


def test_only_unlisted_folders_are_opened_to_say_what_is_wrong(store, monkeypatch) -> None:
    good, bad = finished(store, "good", steps=10), finished(store, "bad", steps=10)
    (bad.path / "config.json").write_text("{")
    (store.root / "notes").mkdir()
    looked: list[str] = []
    monkeypatch.setattr(listing, "Run", lambda path: looked.append(path.name) or Run(path))
    found = listing.damaged(store, catalogue.entries(store))
    assert list(found) == [bad.id]
    assert looked == [bad.id]
    assert good.id not in found


# The script


def test_without_runs_the_page_leads_to_the_lab(store: RunStore) -> None:
    at = opened()
    assert keys(at)["open_lab"]
    assert "delete_runs" not in keys(at)


@pytest.mark.parametrize("count", [1, 60])
def test_the_page_over_one_and_many_runs(store: RunStore, count: int) -> None:
    for i in range(count):
        finished(store, f"run {i} " + "with a long name " * (i % 7), steps=4)
    at = opened()
    enabled = keys(at)
    for key in ("resume_runs", "compare_these", "open_in_lab", "delete_runs"):
        assert not enabled[key], "nothing is ticked"
    assert f"{count} run{'s' * (count > 1)}, " in said(at)
    assert "open_lab" not in enabled


def test_delete_undo_and_the_trash(store: RunStore) -> None:
    kept, gone, other = (finished(store, name, steps=10) for name in ("kept", "gone", "other"))
    at = press(opened(gone, other), "delete_runs")
    assert [run.id for run in store.list()] == [kept.id]
    assert "2 runs moved to the trash" in said(at)
    assert "30 days" in said(at)
    assert not keys(at)["delete_runs"], "nothing is ticked any more"
    press(at, "undo_delete")
    assert {run.id for run in store.list()} == {kept.id, gone.id, other.id}
    assert "2 runs restored" in said(at)
    assert "undo_delete" not in keys(at)
    key = store.delete(gone.id).key
    at = AppTest.from_file(PAGE, default_timeout=120)
    at.session_state["runs_view"] = "Trash"
    at.session_state[f"{actions.TRASH}_choice"] = Choice("only", (key,))
    at.run()
    press(at, "restore_runs")
    assert gone.id in {run.id for run in store.list()}
    store.delete(gone.id)
    at.run()
    press(press(at, "delete_trash"), "delete_confirmed")
    assert store.trash.list() == []
    assert "1 run removed for good" in said(at)


def test_restoring_over_a_run_says_why_not(store: RunStore) -> None:
    run = finished(store, "twice", steps=10)
    at = press(opened(run), "delete_runs")
    run.path.mkdir()
    (run.path / "config.json").write_text(small().model_dump_json())
    press(at, "undo_delete")
    assert "delete that one first" in said(at)
    assert len(store.trash.list()) == 1


def test_undo_goes_when_the_run_is_there_again(store: RunStore) -> None:
    run = finished(store, "twice", steps=10)
    at = press(opened(run), "delete_runs")
    assert "undo_delete" in keys(at)
    run.path.mkdir()
    (run.path / "config.json").write_text(small().model_dump_json())
    at.run()
    assert "undo_delete" not in keys(at)


def test_runs_at_work_are_stopped_only_after_a_question(store: RunStore) -> None:
    waits = store.create(small(), "waits")
    at = press(opened(waits), "delete_runs")
    assert store.open(waits.id).status == "queued", "not without a yes"
    press(at, "delete_stopped")
    assert store.list() == []
    assert [one.name for one in store.trash.list()] == ["waits"]


def test_remnants_are_cleared_and_counted(store: RunStore) -> None:
    finished(store, "kept", steps=10)
    for i in range(2):
        (store.root / f".deleted-{i}").mkdir()
    assert "2 interrupted deletions" in said(opened())
    assert not list(store.root.glob(".deleted-*"))


def test_rename_tag_and_note(store: RunStore) -> None:
    one, two = (finished(store, name, steps=10) for name in ("one", "two"))
    one.update_meta(tags=["both", "own"])
    two.update_meta(tags=["both"])
    at = opened(one)
    at.text_input(key=f"name_{one.id}").input("another name")
    press(at, "keep_name")
    assert store.open(one.id).name == "another name"
    at = opened(one, two)
    (tags,) = [w for w in at.multiselect if str(w.key).startswith("tags_")]
    assert tags.value == ["both"], "those that all of them have"
    tags.set_value([])
    press(at, "keep_tags")
    assert store.open(one.id).meta["tags"] == ["own"]
    assert store.open(two.id).meta["tags"] == []
    at = opened(two)
    (note,) = at.text_area
    note.input("look again")
    press(at, "keep_tags")
    assert store.open(two.id).meta["note"] == "look again"


def test_a_filter_lists_and_a_bad_one_says_why(store: RunStore) -> None:
    for name in ("apple", "pear"):
        finished(store, name, steps=10)
    at = opened()
    at.text_input(key="runs_filter").input("apple").run()
    assert "1 of 1 run, " in said(at) or "1 of 2" in said(at)
    at.text_input(key="runs_filter").input("depth >>> 3").run()
    assert "column" in said(at)


def test_a_damaged_run_is_a_line_that_can_be_deleted(store: RunStore) -> None:
    finished(store, "good", steps=10)
    bad = finished(store, "bad", steps=10)
    (bad.path / "config.json").write_text("{")
    at = opened()
    assert bad.id in said(at)
    press(at, f"delete_{bad.id}")
    assert bad.id not in [path.name for path in store.root.iterdir()]


def test_what_waits_is_moved_by_its_buttons(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "revive", lambda store: None)
    done = finished(store, "done", steps=20)
    assert "queue_up" not in keys(opened(done))
    first, second, third, fourth = (launcher.add(store, small(), name) for name in "abcd")
    assert not keys(opened(done))["queue_first"]
    press(opened(third, fourth, done), "queue_up")
    assert waiting(store) == [first.id, third.id, fourth.id, second.id]
    press(opened(fourth, third), "queue_first")
    assert waiting(store) == [third.id, fourth.id, first.id, second.id]
    press(opened(third), "queue_down")
    assert waiting(store) == [fourth.id, third.id, first.id, second.id]
