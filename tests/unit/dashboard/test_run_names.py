"""What runs are called stays when others are deleted or restored."""

from __future__ import annotations

import itertools

import pytest

from core.catalogue import index as catalogue
from core.runs import RunStore
from dashboard.catalogue import run_names
from tests.conftest import small

CHANGES = (
    {},
    {"model__placement": "post"},
    {"training__seed": 1},
    {"model__placement": "post", "training__seed": 1},
    {"model__depth": 3},
    {},
)


@pytest.fixture
def runs(store: RunStore):
    return [store.create(small(**changes)) for changes in CHANGES]


def called() -> dict[str, str]:
    return dict(run_names.everywhere().names)


def test_no_name_changes_because_another_run_is_deleted_or_restored(store, runs):
    before, short = called(), dict(run_names.everywhere().labels)
    assert len(set(before.values())) == len(runs)
    for run in runs[:-1]:
        store.delete(run.id)
        now = called()
        assert run.id not in now
        assert now == {id: name for id, name in before.items() if id in now}
        assert {**short, **run_names.everywhere().labels} == short
    for run in runs[:-1]:
        store.restore(run.id)
    assert called() == before


def test_a_run_that_was_deleted_twice_or_is_there_again_counts_once(store, runs):
    before = called()
    store.delete(runs[0].id)
    again = store.root / runs[0].id
    [entry] = catalogue.deleted(store)
    for source in entry.run.path.rglob("*"):  # as an import of the same run makes it
        target = again / source.relative_to(entry.run.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            target.write_bytes(source.read_bytes())
    assert called() == before
    store.delete(runs[0].id)
    assert len(catalogue.deleted(store)) == 2
    assert called() == {id: name for id, name in before.items() if id != runs[0].id}


def test_what_left_the_trash_for_good_counts_no_more(store, runs):
    twins = [store.create(small(model__depth=5)) for _ in range(2)]
    names = called()
    assert names[twins[1].id] == f"{names[twins[0].id]} (2)"
    store.delete(twins[0].id)
    assert called()[twins[1].id] == names[twins[1].id]
    store.trash.remove(store.trash.list())
    assert called()[twins[1].id] == names[twins[0].id]


def test_what_is_damaged_in_the_trash_harms_nobody(store, runs):
    before = called()
    for run in runs[:3]:
        store.delete(run.id)
    for entry, text in zip(catalogue.deleted(store), ("", "{", "[]"), strict=True):
        (entry.run.path / "config.json").write_text(text)
    now = called()
    assert set(now) == {run.id for run in runs[3:]}
    assert set(now) < set(before)
    assert len(set(now.values())) == len(now)


def test_within_one_look_the_trash_is_read_once(store, runs, monkeypatch):
    store.delete(runs[0].id)
    reads = itertools.count()
    found = catalogue._in_trash
    monkeypatch.setattr(catalogue, "_in_trash", lambda *of: (next(reads), found(*of))[1])
    with catalogue.once():
        assert called() == called()
    assert next(reads) == 1
