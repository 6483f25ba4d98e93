"""Questions to checkpoints: asked, answered beside the training, cancelled, killed, refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from core.__main__ import main
from core.anatomy import KINDS, Answer, Report, Silent
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.text_attention import attention
from core.jobs import enqueue, inspection_queue, inspections, slots
from core.jobs.inspection_worker import BUDGET_BYTES, Inspector, finite
from core.jobs.inspections import Inspection, Record, ask, find, look
from core.jobs.launcher import standby_lock
from core.runs import Run, RunError, RunStore
from core.runs.locks import Lock, is_locked
from tests.conftest import small
from tests.farm import wait_until
from tests.subjects import asking, trained

LONG = {"windows": 10_000, "seconds": 86_400.0}


@pytest.fixture
def farm(store: RunStore) -> Iterator[RunStore]:
    """A store whose processes are ended after the test."""
    yield store
    end(store)


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunStore]:
    """A store whose one inspector answers several tests, as it answers several questions."""
    store = RunStore(tmp_path_factory.mktemp("inspected"))
    yield store
    end(store)


def end(store: RunStore) -> None:
    """Kill whatever works in a folder."""
    locks = [run.path / "lock" for run in store.list()]
    locks += [standby_lock(store), inspections.inspector_lock(store.root), standby_lock(store)]
    for lock in locks:
        if is_locked(lock):
            os.kill(int(lock.read_text()), signal.SIGKILL)


def settle(inspection: Inspection) -> Record:
    wait_until(lambda: inspection.state in inspections.ENDED)
    return inspection.record


def marks(store: RunStore) -> list[tuple[str, str]]:
    return inspections.waiting(store.root)


@pytest.fixture(autouse=True)
def _one_thread_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is answered in this process leaves the other cores alone: torch's threads spin."""
    monkeypatch.setattr(slots, "cores", lambda: 1)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No inspector is started."""
    monkeypatch.setattr(inspection_queue, "revive", lambda root: None)


# Answered by the process that is there for it.


def test_a_question_is_answered_and_kept(inspected: RunStore) -> None:
    run = trained(inspected)
    inspection = ask(inspected, run, "attention", text="in the value")
    assert settle(inspection) == Record("done", 1.0, "")
    here = attention(
        LoadedCheckpoint(run, 4), asking("attention", {"text": "in the value"}), Silent()
    )
    assert inspection.result == here.result
    assert list(inspection.arrays) == ["pattern"]
    np.testing.assert_array_equal(inspection.array("pattern"), here.arrays["pattern"])
    np.testing.assert_array_equal(inspection.arrays["pattern"], here.arrays["pattern"])
    assert find(run, inspection.id).result == here.result
    # The same question is not asked twice, however it is put.
    written = (inspection.folder / "result.json").stat().st_mtime_ns
    again = ask(inspected, run, "attention", step=4, text="in the value")
    assert (again.id, again.state) == (inspection.id, "done")
    assert marks(inspected) == []
    assert (again.folder / "result.json").stat().st_mtime_ns == written
    assert ask(inspected, run, "attention", text="another value").id != inspection.id
    assert slots.active() == [] or settle(look(run, "attention", text="another value"))


def test_text_streams_while_it_is_written(inspected: RunStore) -> None:
    run = trained(inspected)
    inspection = ask(inspected, run, "generate", prompt="The ", length=1000, temperature=1)
    assert inspection.parameters["temperature"] == 1.0
    seen: list[dict[str, Any]] = []
    early = 0
    while inspection.state not in inspections.ENDED:
        seen += inspection.stream(len(seen))
        early += 0 < len(seen) < 1000
        time.sleep(0.01)
    seen += inspection.stream(len(seen))
    assert early
    assert seen == inspection.result["tokens"]


def test_cancel_ends_the_work_and_asking_again_starts_anew(inspected: RunStore) -> None:
    run = trained(inspected)
    inspection = ask(inspected, run, "lesion", **LONG)
    wait_until(lambda: inspection.progress > 0)
    assert inspection.state == "working"
    assert inspection.progress < 1
    assert inspection.message
    inspection.cancel()
    assert settle(inspection).state == "cancelled"
    assert not (inspection.folder / "result.json").exists()
    assert look(run, "lesion", **LONG).state == "cancelled"  # looking asks nobody
    again = ask(inspected, run, "lesion", **LONG)
    assert again.id == inspection.id
    wait_until(lambda: again.stream())
    again.cancel()
    settle(again)


def test_a_quick_question_is_answered_while_a_slow_one_works(inspected: RunStore) -> None:
    run = trained(inspected)
    slow = ask(inspected, run, "lesion", **LONG)
    wait_until(lambda: slow.stream())
    quick = ask(inspected, run, "attention", text="in")
    assert settle(quick).state == "done"
    assert slow.state == "working"
    slow.cancel()
    assert settle(slow).state == "cancelled"


def test_a_killed_inspector_is_noticed_and_the_question_can_be_asked_again(farm: RunStore) -> None:
    run = trained(farm)
    working = ask(farm, run, "lesion", **LONG)
    wait_until(lambda: working.stream())
    behind = ask(farm, run, "paths", windows=1)
    os.kill(int(inspections.inspector_lock(farm.root).read_text()), signal.SIGKILL)
    wait_until(lambda: working.state == "failed")
    assert working.message == inspections.ASK_AGAIN
    # What waited behind it is taken up by another inspector, which a look at it starts.
    assert settle(behind).state == "done"
    again = ask(farm, run, "lesion", windows=2, seconds=86_400.0)
    assert settle(again).state == "done"
    restarted = ask(farm, run, "lesion", **LONG)
    wait_until(lambda: restarted.stream())
    assert restarted.state == "working"
    restarted.cancel()
    settle(restarted)


def test_a_run_that_vanishes_under_its_question(farm: RunStore) -> None:
    run = trained(farm)
    inspection = ask(farm, run, "lesion", **LONG)
    wait_until(lambda: inspection.stream())
    farm.delete(run.id)
    wait_until(lambda: inspection.state == "failed")
    assert "deleted" in inspection.message
    with pytest.raises(RunError, match="deleted"):
        inspection.result  # noqa: B018
    # The inspector lives on.
    other = trained(farm)
    assert settle(ask(farm, other, "attention", text="in")).state == "done"


def test_an_inspection_and_a_training_run_share_the_machine(farm: RunStore) -> None:
    run = trained(farm)
    training = enqueue(farm, small(training__steps=100_000, training__evaluate_every=0))
    wait_until(lambda: training.record.step > 10)
    inspection = ask(farm, run, "lesion", **LONG)
    wait_until(lambda: inspection.stream())
    assert len(slots.active()) == 2
    before = training.record.step
    wait_until(lambda: training.record.step > before)
    assert inspection.state == "working"
    inspection.cancel()
    settle(inspection)
    wait_until(lambda: len(slots.active()) == 1)


# Answered in this process.


def answered(store: RunStore, run: Run, kind: str, **parameters: Any) -> Inspection:
    inspection = inspections.prepare(run, kind, None, parameters)
    Inspector(store).answer(run, inspection)
    return inspection


@pytest.mark.usefixtures("nobody")
def test_what_would_fail_in_the_same_way_is_not_asked_again(store: RunStore) -> None:
    run = trained(store)
    inspection = ask(store, run, "attention", text="雪")
    assert inspection.state == "waiting"
    Inspector(store).take(run.id, inspection.id)
    assert inspection.state == "failed"
    assert "lacks '雪'" in inspection.message
    assert ask(store, run, "attention", text="雪").state == "failed"
    assert marks(store) == []


@pytest.mark.usefixtures("nobody")
def test_a_question_that_waits_can_be_taken_back(store: RunStore) -> None:
    run = trained(store)
    first, second = ask(store, run, "attention", text="a"), ask(store, run, "attention", text="b")
    assert marks(store) == [(run.id, first.id), (run.id, second.id)]
    first.cancel()
    assert first.state == "cancelled"
    assert marks(store) == [(run.id, second.id)]
    # A marker that was lost comes back with the next asking.
    inspection_queue.forget(store.root, run.id, second.id)
    ask(store, run, "attention", text="b")
    ask(store, run, "attention", text="b")
    assert marks(store) == [(run.id, second.id)]


@pytest.mark.usefixtures("nobody")
def test_only_one_answers_and_what_is_gone_leaves_the_queue(store: RunStore) -> None:
    run = trained(store)
    inspection = ask(store, run, "attention", text="a")
    lock = Lock(inspection.folder / "lock")
    assert lock.acquire()
    assert not Inspector(store).take(run.id, inspection.id)
    assert marks(store)  # it comes to it later
    lock.release()
    shutil.rmtree(inspection.folder)
    assert not Inspector(store).take(run.id, inspection.id)
    assert marks(store) == []
    assert inspection.state == "failed"


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda run: shutil.rmtree(run.path / "checkpoints"), "the checkpoint of step 4 is gone"),
        (
            lambda run: (run.path / "checkpoints" / "step-000000004.safetensors").write_text("no"),
            "is damaged: its checksum differs",
        ),
    ],
)
def test_a_checkpoint_that_is_gone_or_damaged(
    store: RunStore, break_it: Callable[[Run], object], sentence: str
) -> None:
    run = trained(store)
    inspection = inspections.prepare(run, "attention")
    break_it(run)
    Inspector(store).answer(run, inspection)
    assert inspection.state == "failed"
    assert sentence in inspection.message
    assert not inspection.record.settled  # it may be brought back


class Broken(Exception):  # noqa: N818
    pass


def breaks(error: Exception) -> Callable[..., Answer]:
    def analysis(subject: LoadedCheckpoint, parameters: dict[str, Any], report: Report) -> Answer:
        raise error

    return analysis


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "out of memory: ask for fewer windows or a shorter text"),
        (OSError(28, "No space left on device"), "the disk is full: free some room"),
        (FileNotFoundError(2, "gone", "x"), "a file of the run vanished meanwhile"),
        (ValueError("windows: 3 is odd"), "windows: 3 is odd"),
        (Broken("a bug\nin two lines"), "Broken: a bug (see .inspector.log in the runs folder)"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    monkeypatch.setattr("core.anatomy.text_attention.attention", breaks(error))
    inspection = answered(store, trained(store), "attention")
    assert inspection.state == "failed"
    assert inspection.message.startswith(sentence)
    assert "\n" not in inspection.message


def test_a_full_disk(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(store)
    inspection = inspections.prepare(run, "attention")
    lock = inspection.lock()
    lock.acquire()
    inspection.write(Record("working"))

    def full(folder: Path, record: Record) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inspections, "write_state", full)
    assert "disk is full" in Inspector(store).answer(run, inspection).message
    lock.release()
    assert inspection.record == Record("failed", message=inspections.ASK_AGAIN)
    with pytest.raises(RunError, match="can't keep an answer: No space left"):
        ask(store, run, "score")
    with pytest.raises(RunError, match="attention can't be asked: No space left"):
        ask(store, run, "attention")
    assert marks(store) == []


@pytest.mark.usefixtures("nobody")
def test_a_program_that_was_changed_is_loaded_anew(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspector = Inspector(store)
    monkeypatch.setattr("core.jobs.worker.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("core.jobs.worker.IDLE_SECONDS", 0.1)
    inspector.serve()
    assert not inspector.outdated
    inspection = ask(store, trained(store), "attention")
    monkeypatch.setattr("core.jobs.worker.newest_source", lambda: 0.0)
    inspector.serve()
    assert inspector.outdated
    assert inspection.state == "waiting"
    another = Inspector(store)
    another.serve()
    assert not another.outdated
    assert inspection.state == "done"


def test_every_kind_keeps_its_answer_as_json_of_its_schema(store: RunStore) -> None:
    run = trained(store, model__depth=2, training__checkpoint_every=1)
    for kind in KINDS:
        if KINDS[kind].needs_masked:  # of models that this lab does not train: test_masked.py
            continue
        few = {"points": 5} if kind.startswith(("landscape", "trajectory")) else {}
        inspection = answered(store, run, kind, **few)
        assert inspection.record == Record("done", 1.0, ""), kind
        text = (inspection.folder / "result.json").read_text()
        assert json.loads(text, parse_constant=pytest.fail) == inspection.result
        exactly(KINDS[kind].result, text)
        for item in inspection.stream():
            exactly(KINDS[kind].stream, json.dumps(item))
        asked = TypeAdapter(KINDS[kind].parameters)
        assert asked.validate_python(inspection.parameters).model_dump() == inspection.parameters
        for array in inspection.arrays.values():
            assert array.dtype.kind in "fiu"


def exactly(kind: Any, text: str) -> None:
    """Every key of the type and no other, of its type."""
    TypeAdapter(kind).validate_json(text, strict=True, extra="forbid")


def test_a_kind_without_arrays_has_none(store: RunStore) -> None:
    inspection = answered(store, trained(store), "generate", length=2)
    assert inspection.arrays == {}
    with pytest.raises(KeyError, match="generate has no array pattern; it has: none"):
        inspection.array("pattern")


def test_numbers_that_json_lacks_become_null() -> None:
    value = {"a": [float("nan"), 1.5, (np.float32(2), np.inf)], 3: np.array([1.0, np.nan])}
    assert finite(value) == {"a": [None, 1.5, [2.0, None]], "3": [1.0, None]}


def test_the_least_recently_asked_go_when_there_are_too_many(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BUDGET_BYTES == 512 * 2**20
    run = trained(store)
    first = answered(store, run, "attention", text="a")
    second = answered(store, run, "attention", text="b")
    os.utime(second.folder, (1, 1))
    size = sum(f.stat().st_size for f in first.folder.iterdir())
    monkeypatch.setattr("core.jobs.inspection_worker.BUDGET_BYTES", int(2.5 * size))
    third = answered(store, run, "attention", text="c")
    assert {i.folder.exists() for i in (first, third)} == {True}
    assert not second.folder.exists()


def test_models_are_kept_and_loaded_anew_when_the_file_is(store: RunStore) -> None:
    run = trained(store, steps=6, training__checkpoint_every=1)
    inspector = Inspector(store)
    first = inspector.checkpoint(run, 6)
    assert inspector.checkpoint(run, 6) is first
    for step in (1, 2, 3, 4):
        inspector.checkpoint(run, step)
    assert inspector.checkpoint(run, 6) is not first
    second = inspector.checkpoint(run, 6)
    os.utime(run.path / "checkpoints" / "step-000000006.safetensors", (5, 5))
    assert inspector.checkpoint(run, 6) is not second


# Refused before anybody works.


@pytest.mark.parametrize(
    ("kind", "parameters", "sentence"),
    [
        ("lens", {"middle": 1}, "middle is 1; accepted: true, false"),
        ("score", {"windows": True}, "windows is True; accepted: a whole number from 1 to 100000"),
        ("score", {"windows": 8.0}, "windows is 8.0; accepted: a whole number"),
        ("score", {"text": 8}, "text is 8; accepted: text"),
        ("generate", {"top_k": -1}, "top_k is -1; accepted: a whole number from 0"),
        ("landscape1d", {"others": "x"}, "others is 'x'; accepted: a list"),
        ("generate", {"lenght": 3}, "it takes: prompt, length, temperature, top_k, top_p, seed"),
        ("x-ray", {}, "there is no inspection x-ray; accepted: attention, block, generate"),
        ("score", {"lenght": 1}, "score takes no lenght; it takes: text, windows"),
        ("score", {"windows": 0}, "windows is 0; accepted: a whole number from 1 to 100000"),
        ("score", {"windows": "8"}, "windows is '8'; accepted: a whole number"),
        ("generate", {"temperature": -1}, "temperature is -1.0; accepted: a number from 0 to"),
        ("generate", {"top_p": float("nan")}, "top_p is nan; accepted: a number from 0 to 1"),
        ("generate", {"step": 3}, "has no checkpoint at step 3; accepted: 4"),
        ("operate", {"operations": [{"target": "soul", "action": "off"}]}, "target is 'soul'"),
    ],
)
@pytest.mark.usefixtures("nobody")
def test_a_question_that_makes_no_sense(
    store: RunStore, kind: str, parameters: dict[str, Any], sentence: str
) -> None:
    run = trained(store)
    with pytest.raises(RunError) as refused:
        ask(store, run, kind, **parameters)
    assert sentence in str(refused.value)
    assert marks(store) == []
    assert not (run.path / "inspections").exists()


@pytest.mark.usefixtures("nobody")
def test_runs_that_have_no_answer(store: RunStore) -> None:
    unborn = store.create(small())
    with pytest.raises(RunError, match="has no checkpoint yet; train it further"):
        ask(store, unborn, "attention")
    mlp = trained(store, model__family="mlp", model__heads=4, data__corpus="python-reference")
    with pytest.raises(RunError, match="is a feed-forward network; lens needs a Transformer"):
        ask(store, mlp, "lens")
    images = {"model__heads": 4, "model__depth": 6, "model__context": 64}
    images |= {"model__family": "resnet", "data__corpus": "digits", "model__width": 4}
    resnet = trained(store, steps=1, **images)
    with pytest.raises(RunError, match="is a ResNet; generate needs a Transformer or a feed-forw"):
        ask(store, resnet, "generate")
    plain = trained(store, model__sublayers="feedforward")
    with pytest.raises(RunError, match="has no attention"):
        ask(store, plain, "attention")
    with pytest.raises(RunError, match="the blocks of this network have no attention"):
        ask(
            store,
            plain,
            "operate",
            operations=[{"target": "attention", "layer": 0, "action": "off"}],
        )
    gone = trained(store)
    farewell = gone.path
    gone.config  # noqa: B018 - it was opened while it was there
    shutil.rmtree(farewell)
    with pytest.raises(RunError, match="was deleted; choose another"):
        ask(store, gone, "attention")
    with pytest.raises(RunError, match="has no readable inspection abc; ask again"):
        find(gone, "abc")
    inspections.prepare(plain, "score")
    for id in ("abc", "../checkpoints", ".."):
        with pytest.raises(RunError, match=f"has no inspection {id}; ask again"):
            find(plain, id)


def test_a_kind_of_ones_own(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of an analysis does not read the old one's answers."""
    run = trained(store)
    old = answered(store, run, "attention")
    row = KINDS["attention"]
    changed = replace(row, version=2)
    monkeypatch.setitem(KINDS, "attention", changed)
    assert look(run, "attention") is None
    assert inspections.prepare(run, "attention").id != old.id


# Without torch, and from the command line.


def test_asking_imports_no_torch(store: RunStore) -> None:
    run = trained(store)
    program = (
        "import sys\n"
        "from core.jobs import inspection_queue, inspections\n"
        "from core.runs import RunStore\n"
        "inspection_queue.revive = lambda root: None\n"
        f"store = RunStore({str(store.root)!r})\n"
        f"run = store.open({run.id!r})\n"
        "one = {'target': 'head', 'layer': 0, 'head': 1, 'action': 'off'}\n"
        "asked = inspections.ask(store, run, 'operate', operations=[one])\n"
        "assert asked.state == 'waiting', asked.record\n"
        "asked.cancel()\n"
        "assert inspections.find(run, asked.id).state == 'cancelled'\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])


def test_the_command_line(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(store)
    assert main(["inspect", run.id, "attention", "text=in = 3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["text"] == "in = 3"
    assert found["arrays"] == {"pattern": ["float16", 2, 2, 6, 6]}
    assert look(run, "attention", text="in = 3").state == "done"  # the dashboard finds it too
    off = '[{"target": "block", "layer": 1, "action": "off"}]'
    assert main(["inspect", run.id, "operate", f"operations={off}", "length=5"]) == 0
    assert json.loads(capsys.readouterr().out)["operations"] == ["block 1 off"]
    for bad, words in {
        ("sole",): "KIND: there is no 'sole'",
        ("score", "windows"): "windows: write it as name=value",
        ("score", "windows=many"): "windows is 'many'",
        ("attention", "text=雪"): "lacks '雪'",
        ("score", "--step", "3"): "no checkpoint at step 3",
    }.items():
        assert main(["inspect", run.id, *bad]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
