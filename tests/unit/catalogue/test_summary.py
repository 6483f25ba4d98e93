"""Digests: kept for runs that have ended, never older than what they were made from."""

import errno
import json
import math
import os

import numpy as np
import pytest

from core.catalogue.filters import parse
from core.catalogue.index import told
from core.catalogue.summary import FILE, SUMMARIES, summary_of
from core.config import RunConfig
from core.config.alike import differing
from core.jobs.execute_run import work
from core.metrics.reader import Segments
from core.metrics.writer import SeriesWriter
from core.runs import Run, RunStore, Status
from core.runs.status import STATES
from core.training.control import NullControl
from tests.conftest import small
from tests.fake_runs import Faker, config, finished


@pytest.fixture
def no_metrics(monkeypatch: pytest.MonkeyPatch):
    """From its call on, reading any metric fails the test."""

    def forbid() -> None:
        def refuse(*args: object, **kwargs: object) -> None:
            raise AssertionError("a metric was read")

        monkeypatch.setattr(Segments, "read", refuse)
        monkeypatch.setattr(Segments, "widths", refuse)

    return forbid


def anew(store: RunStore, run: Run) -> Run:
    """The run as another process finds it, which remembers nothing."""
    SUMMARIES.clear()
    return RunStore(store.root).open(run.id)


def extend(run: Run, loss: list[float], first: int, segment: int) -> None:
    writer = SeriesWriter(run.path / "metrics", "step", segment)
    steps = np.arange(first, first + len(loss))
    writer.write({"step": steps, "seconds": steps * 1.0, "loss/train": np.array(loss)})
    writer.close()


def test_an_ended_run_is_read_from_its_digest(store: RunStore, no_metrics) -> None:
    run = finished(store, "lives")
    measured = summary_of(run)
    assert measured.words == "finished"
    assert measured.verdict.kind == "learned"
    assert measured.metrics == run.metrics()
    losses = run.series("loss/train")[1]
    assert measured.loss == float(losses[-1]) == summary_of(run).last.get("loss/train")
    assert measured.best_loss == float(losses.min())
    assert measured.validation == float(run.series("loss/validation")[1][-1])
    assert measured.seconds == pytest.approx(400 * 0.05)
    assert measured.last["grad_norm/total"] == float(run.series("grad_norm/total")[1][-1])
    no_metrics()
    again = anew(store, run)
    assert summary_of(again) == measured
    assert summary_of(again).verdict == measured.verdict
    assert summary_of(again).words_for("plateau") == "plateau"
    assert parse("verdict == learned and loss < 3").matches(told(again))


def test_250_verdicts_read_no_metrics(store: RunStore, no_metrics) -> None:
    kept = finished(store, "one", steps=60)
    summary_of(kept)
    text = json.loads((kept.path / FILE).read_text())
    for _ in range(250):
        run = store.create(small())
        status = (kept.path / "status.json").read_text()
        (run.path / "status.json").write_text(status)
        of = {**text["of"], "sizes": {}}
        (run.path / FILE).write_text(json.dumps({**text, "of": of}))
    no_metrics()
    runs = RunStore(store.root).list()
    assert len(runs) == 251
    assert {summary_of(run).verdict.kind for run in runs} == {text["verdict"]["kind"]}


def test_a_resumed_run_is_measured_anew(store: RunStore) -> None:
    run = finished(store, "r", steps=60)
    before = summary_of(run)
    run.write_status(Status(state="running", step=60, steps=120))
    lock = run.lock()
    assert lock.acquire()
    extend(run, [1.5] * 10, 60, segment=7)
    assert summary_of(run).state == "running"
    assert summary_of(run).loss == 1.5
    extend(run, [1.25] * 10, 70, segment=8)
    assert summary_of(run).loss == 1.25, "a live run is followed"
    run.write_status(Status(state="finished", step=80, steps=120))
    lock.release()
    for found in (summary_of(run), summary_of(anew(store, run))):
        assert (found.loss, found.step, found.state) == (1.25, 80, "finished")
        assert found != before


def test_other_metrics_do_not_fit_the_digest(store: RunStore) -> None:
    run = finished(store, "r", steps=60)
    summary_of(run)
    extend(run, [0.5] * 60, 60, segment=7)
    assert summary_of(anew(store, run)).loss == 0.5


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"of": 3}', '{"of": {}}'])
def test_a_damaged_digest_is_measured_anew(store: RunStore, content: str) -> None:
    run = finished(store, "r", steps=60)
    measured = summary_of(run)
    (run.path / FILE).write_text(content)
    assert summary_of(anew(store, run)) == measured
    assert json.loads((run.path / FILE).read_text())["of"]["step"] == 60


def test_a_digest_with_missing_parts_is_measured_anew(store: RunStore) -> None:
    run = finished(store, "r", steps=60)
    measured = summary_of(run)
    text = json.loads((run.path / FILE).read_text())
    for name in text:
        (run.path / FILE).write_text(json.dumps({n: v for n, v in text.items() if n != name}))
        assert summary_of(anew(store, run)) == measured, name


def test_where_it_cannot_be_written_nothing_is_lost(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(store, "r", steps=60)

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("core.catalogue.summary.os.replace", full)
    assert summary_of(run).loss is not None
    assert not [name for name in os.listdir(run.path) if "digest" in name]


def test_a_vanished_run_has_a_digest_too(store: RunStore) -> None:
    import shutil

    run = finished(store, "r", steps=60)
    run.config  # noqa: B018 - it was listed before it vanished
    shutil.rmtree(run.path)
    assert summary_of(run).state == "failed"
    assert summary_of(run).loss is None
    assert not run.path.exists()


def test_a_new_name_needs_no_measuring(store: RunStore, no_metrics) -> None:
    run = finished(store, "old (1)", steps=400)
    assert summary_of(run).verdict.sentence.startswith("old (1): ")
    no_metrics()
    run.update_meta(name="new", tags=["a"], note="n")
    for one in (run, anew(store, run)):
        assert summary_of(one).verdict.sentence.startswith("new: ")
        found = told(one)
        assert (found["name"], found["tags"], found["note"]) == ("new", ("a",), "n")


def test_only_ended_runs_are_kept(store: RunStore) -> None:
    run = store.create(config())
    faker = Faker(run)
    faker.start()
    faker.write(0, 100)
    assert summary_of(run).words == "waiting"
    faker.status("running", 100)
    with_lock = run.lock()
    assert with_lock.acquire()
    assert summary_of(run).words == "training, step 100 of 400"
    assert not (run.path / FILE).exists()
    with_lock.release()
    assert summary_of(run).words == "interrupted at step 100"
    assert (run.path / FILE).exists()
    faker.close()


def test_numbers_are_finite_and_json_has_no_nan(store: RunStore) -> None:
    run = finished(store, "boom", "diverges")
    found = summary_of(run)
    assert found.verdict.kind == "diverged"
    assert found.diverged_at == 121
    assert found.words == "diverged at step 121"
    numbers = [*found.last.values(), *found.best.values()]
    assert all(map(math.isfinite, numbers))
    assert "NaN" not in (run.path / FILE).read_text()
    assert summary_of(anew(store, run)) == found


def test_a_run_without_any_metrics(store: RunStore) -> None:
    run = store.create(small(), "empty")
    run.write_status(Status(state="failed", message="out of memory"))
    found = summary_of(run)
    assert (found.loss, found.best_validation, found.metrics) == (None, None, {})
    assert "out of memory" in found.verdict.sentence
    assert parse("loss == none and state == failed").matches(told(run))


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_words(store: RunStore, state: str) -> None:
    run = store.create(small())
    run.write_status(Status(state=state, step=7, steps=30))  # type: ignore[arg-type]
    assert summary_of(run).words


def test_values_hold_settings_in_the_form_they_are_typed_in(store: RunStore) -> None:
    run = store.create(
        small(
            model__overrides="0: residual=off; 1: norm=rms, placement=post",
            training__switches="5/1: residual=off",
        ),
        grid="20261121-grid",
        grid_name="placement by depth",
    )
    found = told(run)
    assert found["model.overrides"] == "0: residual=off; 1: placement=post, norm=rms"
    assert found["training.switches"] == "5/1: residual=off"
    assert set(RunConfig().flat()) < set(found)
    for text in ("grid == 20261121-grid", 'grid == "Placement by depth"', "depth in grid or grid"):
        assert parse(text).matches(found), text
    assert not parse("grid != 20261121-grid").matches(found)


def test_settings_are_parsed_once_for_all_stores(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(40):
        store.create(small())
    RunStore(store.root).list()
    monkeypatch.setattr(RunConfig, "model_validate_json", None)
    assert len(RunStore(store.root).list()) == 40
    monkeypatch.undo()
    changed = store.list()[3]
    (changed.path / "config.json").write_text(small(model__depth=3).model_dump_json())
    depths = [run.config.model.depth for run in RunStore(store.root).list()]
    assert depths.count(3) == 1
    assert list(differing([r.config.flat() for r in RunStore(store.root).list()])) == [
        "model.depth"
    ]


def test_the_worker_leaves_a_digest(store: RunStore) -> None:
    run = store.create(small(training__steps=3))
    lock = run.lock()
    assert lock.acquire()
    assert work(run, NullControl()) == "finished"  # type: ignore[arg-type]
    lock.release()
    kept = json.loads((run.path / FILE).read_text())
    assert kept["of"]["state"] == "finished"
    assert kept["last"]["loss/train"] == float(run.series("loss/train")[1][-1])
