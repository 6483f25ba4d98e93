"""Every file of a run says its version; a later one is refused and stays, an earlier one opens."""

import io
import json
import shutil

import numpy as np
import pyarrow as pa
import pytest

from core import jobs
from core.__main__ import main
from core.catalogue.summary import summary_of
from core.config import Switch
from core.heads.patterns import summed
from core.metrics.segment import VERSION, read_schema
from core.runs import Run, RunError, RunStore, Status, schemas
from core.runs.small_files import FILES
from tests.fake_runs import finished

SMALL = ("meta.json", "corpus.json", "tokenizer.json", "switches.json", "status.json")


@pytest.fixture
def run(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    monkeypatch.setattr("core.cli.runs.revive", lambda store: None)
    made = finished(store, steps=20)
    made.add_switch(Switch(step=3, layers="0", residual="off"))
    made.write_status(Status(state="stopped", step=5, steps=20))
    summary_of(made)
    return made


def newer(run: Run, name: str) -> bytes:
    path = run.path / name
    content = json.loads(path.read_text())
    if isinstance(content, list):
        content = [{**one, "schema": 2} for one in content]
    else:
        content["schema"] = 2
    path.write_text(json.dumps(content))
    return path.read_bytes()


def test_every_file_says_its_version(run: Run) -> None:
    for name in ("config.json", "status.json", "meta.json", "digest.json"):
        assert json.loads((run.path / name).read_text())["schema"] == 1, name
    assert [one["schema"] for one in json.loads((run.path / "switches.json").read_text())] == [1]
    lines = (run.path / "events.jsonl").read_text().splitlines()
    assert {json.loads(line)["schema"] for line in lines} == {1}
    for path in (run.path / "metrics").iterdir():
        schema = read_schema(path)
        assert schema is not None
        assert schema.metadata[VERSION] == b"1"
    for step in run.snapshots.steps:
        assert schemas.of_tail(run.snapshots.path(step).read_bytes()[:-39]) == 1
    assert "schema" not in run.meta
    assert all("schema" not in event for event in run.events)


@pytest.mark.parametrize("name", SMALL)
def test_a_small_file_of_a_later_release_stays_and_nothing_starts(
    store: RunStore, run: Run, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content = newer(run, name)
    with pytest.raises(RunError, match=rf"{name} is of schema 2, this program reads 1"):
        jobs.control(store, run, "resume")
    assert main(["runs", "resume", run.id]) == 2
    assert "use this run with the release that wrote it" in capsys.readouterr().err
    refused = {
        "meta.json": lambda: run.update_meta(name="other"),
        "switches.json": lambda: run.add_switch(Switch(step=9, layers="1", residual="off")),
        "status.json": lambda: run.write_status(Status(state="finished")),
    }
    if name in refused:
        with pytest.raises(RunError, match="schema 2"):
            refused[name]()
    else:
        assert name in run.damaged
    assert (run.path / name).read_bytes() == content
    assert [one.id for one in store.list()] == [run.id]


def test_a_digest_of_a_later_release_stays_and_the_run_is_measured(run: Run) -> None:
    known = summary_of(run)
    content = newer(run, "digest.json")
    Run(run.path).write_status(Status(state="finished", step=20, steps=20))
    assert summary_of(Run(run.path)).last == known.last
    assert (run.path / "digest.json").read_bytes() == content


def test_metrics_and_snapshots_of_a_later_release_stay_and_are_not_read(
    store: RunStore, run: Run
) -> None:
    known = run.series("loss/train")[0].tolist()
    table = pa.table({"step": [20], "loss/train": [1.0]}, metadata={VERSION: b"2"})
    path = run.path / "metrics" / "step-0009.arrow"
    with pa.ipc.new_stream(path, table.schema) as stream:
        stream.write_table(table)
    assert run.series("loss/train")[0].tolist() == known
    with pytest.raises(RunError, match=r"step-0009.arrow is of a later release"):
        jobs.control(store, run, "resume")
    path.unlink()
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((1, 1, 3), np.float16))
    last = run.snapshots.path(run.snapshots.steps[-1])
    last.write_bytes(summed(buffer.getvalue() + b"schema 2 "))
    content = last.read_bytes()
    assert "later release" in next(iter(run.snapshots.damaged.values()))
    with pytest.raises(RunError, match=rf"{last.name} is of a later release"):
        jobs.control(store, run, "resume")
    assert last.read_bytes() == content


def test_an_older_file_is_brought_up_to_date_as_it_is_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(schemas.SCHEMAS, "meta.json", 2)
    monkeypatch.setitem(
        schemas.MIGRATIONS, ("meta.json", 1), lambda old: {**old, "note": f"{old['name']}!"}
    )
    FILES.clear()
    before = (run.path / "meta.json").read_bytes()
    assert Run(run.path).meta["note"] == f"{run.name}!"
    assert (run.path / "meta.json").read_bytes() == before
    Run(run.path).update_meta(tags=["a"])
    assert json.loads((run.path / "meta.json").read_text())["schema"] == 2


def test_files_that_say_no_version_are_todays(store: RunStore, run: Run) -> None:
    other = store.root / "20200101-000000-older"
    shutil.copytree(run.path, other)
    for name in (*SMALL, "config.json", "digest.json"):
        content = json.loads((other / name).read_text())
        for one in content if isinstance(content, list) else [content]:
            one.pop("schema", None)
        (other / name).write_text(json.dumps(content))
    old = store.open(other.name)
    assert (old.meta, old.corpus, old.switches) == (run.meta, run.corpus, run.switches)
    assert (old.status, old.damaged) == (run.status, [])


def test_an_event_with_a_flipped_bit_is_left_out(run: Run) -> None:
    run.add_event("sample", 7, text="to be or not to be ☃")
    known = run.events
    assert known[-1] == {"kind": "sample", "step": 7, "text": "to be or not to be ☃"}
    path = run.path / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b"to be or", b"to bd or"))
    assert run.events == known[:-1]
