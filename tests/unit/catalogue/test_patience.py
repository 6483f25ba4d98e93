"""Runs that nobody has measured: told as far as their status says, measured by who has the time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from core.catalogue import index
from core.catalogue.filters import parse
from core.catalogue.summary import FILE, SUMMARIES, summary_of, unread, within
from core.jobs import digest_worker, launcher
from core.metrics.reader import Segments
from core.runs import RunStore
from dashboard.catalogue import ahead, run_names
from dashboard.catalogue import unread as told
from dashboard.launch import standby
from dashboard.runs import model
from tests.fake_runs import Faker, config, finished
from tests.farm import wait_until


@pytest.fixture
def three(store: RunStore) -> RunStore:
    """Three ended runs without digests."""
    for name in "abc":
        finished(store, name, steps=40)
        (store.list()[-1].path / FILE).unlink(missing_ok=True)
    SUMMARIES.clear()
    index.ENTRIES.clear()
    return store


def test_without_time_a_run_is_told_as_its_status_says(three: RunStore) -> None:
    with within(0) as patience:
        found = index.entries(three)
        told = [entry.summary for entry in found]
        assert all(one.unread and one.words == "finished" and one.loss is None for one in told)
        assert [one.step for one in told] == [40] * 3
        assert not any(parse("loss < 9").matches(entry.values) for entry in found)
    assert set(patience.left) == {entry.run.prefix for entry in found}
    assert all(unread(entry.run) for entry in found)
    # The same entries know all once they are asked by someone who waits.
    assert all(entry.summary.loss is not None for entry in found)
    assert all(parse("loss < 9").matches(entry.values) for entry in found)
    assert not any(unread(entry.run) for entry in found)


def test_each_time_some_are_read(three: RunStore) -> None:
    seen = []
    while True:
        with within(1e-9) as patience:
            told = [entry.summary for entry in index.entries(three)]
        seen.append(sum(one.unread for one in told))
        assert seen[-1] == len(patience.left)
        if not patience.left:
            break
    assert seen == [2, 1, 0]


def test_what_is_read_already_takes_no_time(three: RunStore, monkeypatch) -> None:
    assert digest_worker.measure(three) == 3
    assert digest_worker.measure(three) == 0
    SUMMARIES.clear()
    monkeypatch.setattr(Segments, "read", None)
    with within(0) as patience:
        assert all(not summary_of(run).unread for run in three.list())
    assert not patience.left


def test_one_that_cannot_be_measured_does_not_keep_the_others(three: RunStore, monkeypatch) -> None:
    broken, keep = three.list()[1], digest_worker.keep

    def measured(run):
        if run == broken:
            raise RuntimeError("damaged")
        keep(run)

    monkeypatch.setattr(digest_worker, "keep", measured)
    assert digest_worker.measure(three) == 2
    assert [unread(run) for run in three.list()] == [False, True, False]


def test_a_run_at_work_is_read_whatever_the_time(store: RunStore) -> None:
    run = store.create(config("live", 40))
    faker, lock = Faker(run), run.lock()
    assert lock.acquire()
    faker.start()
    faker.write(0, 20)
    faker.status("running", 20)
    with within(0) as patience:
        assert summary_of(run).loss is not None
    assert not patience.left
    faker.close()
    lock.release()


def test_the_process_reads_them_and_ends(three: RunStore) -> None:
    digest_worker.begin(three)
    wait_until(lambda: not digest_worker.at_work(three))
    assert not any(unread(run) for run in three.list())


def test_runs_are_read_ahead_and_none_is_measured(three: RunStore, monkeypatch) -> None:
    assert summary_of(three.list()[0]).loss is not None
    (three.list()[1].path / "status.json").write_text("[")
    (three.root / "none").mkdir()
    monkeypatch.setattr(ahead, "REST", 0)
    SUMMARIES.clear()
    monkeypatch.setattr(Segments, "read", None)
    assert ahead.read(three) == 4
    first = index.entry_of(three, three.list()[0].id)
    assert first
    assert first.__dict__["_summary"].loss is not None


def test_within_once_a_folder_is_listed_once(three: RunStore) -> None:
    with index.once() as once:
        before = index.entries(three)
        three.create(config("new"))
        assert index.entries(three) == before
        assert set(run_names.everywhere().names) == {entry.id for entry in before}
    assert not once.later
    assert len(index.entries(three)) == 4


def test_in_a_hurry_the_newest_are_listed_and_the_others_follow(three: RunStore) -> None:
    ids = [run.id for run in three.list()][::-1]
    seen = []
    while True:
        with index.once() as once:
            index.hurry(1e-9)  # enough for one
            seen.append([entry.id for entry in index.entries(three)])
        assert once.later == 3 - len(seen[-1])
        if not once.later:
            break
    assert seen == [ids[:1], ids[:2], ids]
    with index.once() as once:
        index.hurry(0)  # what is known takes no time
        assert [entry.id for entry in index.entries(three)] == ids
    index.ENTRIES.clear()
    with index.once() as once:  # a page that is not in a hurry waits for all
        assert len(index.entries(three)) == 3
    assert not once.later
    index.hurry(0)  # and so does who asks elsewhere
    index.ENTRIES.clear()
    assert len(index.entries(three)) == 3


def test_more_runs_than_are_remembered_are_all_listed(three: RunStore, monkeypatch) -> None:
    monkeypatch.setattr(index.ENTRIES, "most", 2)
    with index.once() as once:
        index.hurry(0)
        assert len(index.entries(three)) == 3
    assert not once.later


def test_the_page_runs_shows_what_it_knows_and_says_how_many_follow(
    three: RunStore, monkeypatch
) -> None:
    monkeypatch.setattr(model, "PATIENCE", 1e-9)
    with index.once() as once:
        folder = model.load(three)
        assert len(folder.entries) == 1
        assert not folder.unreadable
    assert once.later == 2
    assert told.later_words(7412) == (
        "7,412 older runs are being looked through; they follow in the list."
    )


def test_nothing_is_read_ahead_while_a_page_is_drawn(three: RunStore, monkeypatch) -> None:
    monkeypatch.setattr(ahead, "PIECE", 1)
    monkeypatch.setattr(ahead, "QUIET", 0)
    monkeypatch.setattr(ahead, "MOST", 60)
    read = threading.Event()
    entry_of = index.entry_of
    asked: list[str] = []

    def noted(store, id):
        asked.append(id)
        return entry_of(store, id)

    monkeypatch.setattr(index, "entry_of", noted)
    with ahead.resting():
        thread = threading.Thread(target=lambda: (ahead.read(three), read.set()), daemon=True)
        thread.start()
        wait_until(lambda: asked)
        time.sleep(0.3)
        assert len(asked) == 1
        assert not read.is_set()
    assert read.wait(60)
    assert len(asked) == 3


def test_a_standby_comes_a_moment_after_the_page(store: RunStore, monkeypatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(launcher, "revive", lambda store: asked.append(store.root))
    monkeypatch.setattr(standby, "MOMENT", 0.3)
    for _ in range(5):  # five pages that were drawn meanwhile
        standby.soon(store)
    assert not asked
    wait_until(lambda: asked)
    time.sleep(0.4)
    assert asked == [store.root]
    standby.soon(store)
    wait_until(lambda: len(asked) == 2)


def test_a_folder_that_takes_no_standby_takes_no_page_away(store: RunStore, monkeypatch) -> None:
    def refused(store: RunStore) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(launcher, "revive", refused)
    standby._revive(store)
    standby._revive(store)
