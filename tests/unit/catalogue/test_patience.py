"""Runs that nobody has measured: told as far as their status says, measured by who has the time."""

from __future__ import annotations

import pytest

from core.catalogue import index
from core.catalogue.filters import parse
from core.catalogue.summary import FILE, SUMMARIES, summary_of, unread, within
from core.jobs import digest_worker
from core.metrics.reader import Segments
from core.runs import RunStore
from dashboard.catalogue import ahead
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
