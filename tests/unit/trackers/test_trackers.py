"""Live trackers: what their own readers return is what was measured, and none of them can stop,
slow or change a run."""

import os
import threading
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from core.__main__ import main
from core.jobs.execute_run import work
from core.metrics.derived import BITS_PER_BYTE
from core.runs import Run, RunStore
from core.trackers import KINDS, Sending, UnknownTrackerError, chosen, named, sending
from core.trackers.tracker import About, Row
from core.training.control import NullControl
from tests.conftest import small

ABOUT = About("id", "name", {"lr": 0.1}, Path("/nowhere"), 0.0)
STEPS = 25


def trained(store: RunStore, name: str, **environment: str) -> Run:
    """A small run, trained here with these variables set."""
    run = store.create(small(training__steps=STEPS, training__evaluate_every=10), name)
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            patch.setenv(key, value)
        assert work(run, NullControl()) == "finished"
    return run


def scalars(run: Run) -> dict[str, list[tuple[int, float]]]:
    """Every metric of single values that was measured, as (step, float32)."""
    found = {}
    for name, width in run.metrics().items():
        if not width and name != BITS_PER_BYTE:  # which is computed when it is read
            steps, values = run.series(name)
            found[name] = [(s, float(v)) for s, v in zip(steps.tolist(), values, strict=True)]
    return found


def notes(run: Run) -> list[str]:
    return [event["text"] for event in run.events if event["kind"] == "note"]


class Kept:
    """A tracker that keeps what it is given."""

    def __init__(self, about: About) -> None:
        self.about, self.rows, self.ended = about, [], ""

    def log(self, rows: Sequence[Row]) -> None:
        self.rows += rows

    def end(self, state: str) -> None:
        self.ended = state


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Kept]:
    """The trackers that were begun."""
    begun: list[Kept] = []

    def opener(kind: str):
        def begin(about: About) -> Kept:
            begun.append(Kept(about))
            return begun[-1]

        return begin

    monkeypatch.setattr(sending, "opener", opener)
    return begun


def test_a_tracker_is_given_what_was_measured_in_order(store: RunStore, kept: list[Kept]) -> None:
    run = trained(store, "seen", ADDNORM_LOG_TO="wandb")
    [one] = kept
    steps = [row.step for row in one.rows]
    assert steps == sorted(set(steps))  # each once: W&B leaves out what comes back
    told: dict[str, list[tuple[int, float]]] = {}
    for row in one.rows:
        for name, value in row.values.items():
            told.setdefault(name, []).append((row.step, value))
    for name, rows in scalars(run).items():
        assert np.array_equal(rows, told[name], equal_nan=True), name
    every = run.config.probes.every
    steps, norms = run.series("grad_norm/block")
    assert told["grad_norm/block/layer_0"] == [
        (s, float(v)) for s, v in zip(steps.tolist(), norms[:, 0], strict=True) if s % every == 0
    ]
    assert one.ended == "finished"
    assert one.about.settings["model.depth"] == run.config.model.depth
    assert notes(run) == []


def test_tensorboard_s_own_reader_returns_what_was_logged(store: RunStore) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = trained(store, "events", ADDNORM_LOG_TO="tensorboard")
    events = EventAccumulator(str(store.root / "tensorboard" / run.id), {"scalars": 0})
    events.Reload()
    for name, rows in scalars(run).items():
        own = [(one.step, one.value) for one in events.Scalars(name)]
        assert np.array_equal(own, rows, equal_nan=True), name
    assert [one.id for one in store.list()] == [run.id]  # the folder of events is no run


@pytest.mark.skipif(not find_spec("mlflow"), reason="mlflow is not installed here")
def test_mlflow_s_own_client_returns_what_was_logged(store: RunStore) -> None:
    from mlflow.tracking import MlflowClient

    run = trained(store, "flow", ADDNORM_LOG_TO="mlflow")
    client = MlflowClient(f"sqlite:///{store.root / 'mlflow.db'}")
    [experiment] = [e for e in client.search_experiments() if e.name == "add-and-norm-lab"]
    [own] = client.search_runs([experiment.experiment_id])
    for name, rows in scalars(run).items():
        history = client.get_metric_history(own.info.run_id, name)
        assert np.allclose(sorted((x.step, x.value) for x in history), rows, equal_nan=True), name
    assert own.info.status == "FINISHED"
    assert own.data.params["model.depth"] == str(run.config.model.depth)


@pytest.mark.skipif(not find_spec("trackio"), reason="trackio is not installed here")
def test_trackio_s_own_reader_returns_what_was_logged(store: RunStore, tmp_path: Path) -> None:
    os.environ["TRACKIO_DIR"] = str(tmp_path / "trackio")  # it is read at its first import
    run = trained(store, "trackio", ADDNORM_LOG_TO="trackio")
    from trackio.sqlite_storage import SQLiteStorage

    logs = SQLiteStorage.get_logs("add-and-norm-lab", "trackio")
    for name, rows in scalars(run).items():
        own = [(row["step"], row[name]) for row in logs if name in row]
        assert np.allclose(own, rows, equal_nan=True), name


@pytest.mark.skipif(not find_spec("wandb"), reason="wandb is not installed here")
def test_w_and_b_s_file_has_what_was_logged(store: RunStore) -> None:
    from core.transfer.importers import read

    run = trained(store, "wandb", ADDNORM_LOG_TO="wandb", WANDB_MODE="offline")
    [(_, one)] = read(store.root / "wandb")
    for name, rows in scalars(run).items():
        points = one.metrics[name]
        own = list(zip(points.steps.tolist(), points.values.tolist(), strict=True))
        assert np.allclose(own, rows, equal_nan=True), name


class Failing(Kept):
    def log(self, rows: Sequence[Row]) -> None:
        raise ConnectionError("the server is gone")


class Missing(Kept):
    def __init__(self, about: About) -> None:
        raise ModuleNotFoundError("No module named 'tracker'", name="tracker")


def run_through(tracker: type[Kept], seconds: float = 0.0) -> tuple[Sending, list[str]]:
    """A line to this tracker and 200 flushes, and the warnings."""
    one = Sending(["wandb"], ABOUT, open_with=lambda kind: tracker)
    found: list[str] = []
    for flush in range(200):
        steps = np.arange(flush * 20, flush * 20 + 20)
        one.take("step", {"step": steps, "seconds": steps * 0.1, "loss/train": steps * 1.0})
        found += one.warnings
        time.sleep(seconds)
    return one, found


@pytest.mark.parametrize(("tracker", "said"), [(Failing, "server is gone"), (Missing, "tracker")])
def test_one_that_is_missing_or_down_costs_one_warning(tracker: type[Kept], said: str) -> None:
    one, found = run_through(tracker, 0.001)
    found += one.end("finished")
    assert len(found) == 1
    assert said in found[0]


def test_one_that_hangs_is_never_waited_for_and_gets_all_when_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release, begun = threading.Event(), []

    class Hanging(Kept):
        def __init__(self, about: About) -> None:
            super().__init__(about)
            begun.append(self)

        def log(self, rows: Sequence[Row]) -> None:
            assert release.wait(30)
            super().log(rows)

    monkeypatch.setattr(sending, "HANGS", 0.05)
    one, found = run_through(Hanging, 0.001)
    assert begun[0].rows == [], "all flushes went through while it hung"
    assert len(found) == 1
    assert "has not answered" in found[0]
    release.set()
    assert one.end("finished") == []
    assert [row.step for row in begun[0].rows] == list(range(4000))
    assert begun[0].ended == "finished"


def test_one_that_never_answers_does_not_keep_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PATIENCE", 0.2)

    answered = threading.Event()

    class Dead(Kept):
        def log(self, rows: Sequence[Row]) -> None:
            threading.Event().wait(30)
            answered.set()

    one, _ = run_through(Dead)
    assert "did not take the last rows" in " ".join(one.end("stopped"))
    assert not answered.is_set(), "the run ended while it still hung"


def test_of_one_that_is_too_slow_the_oldest_rows_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "MOST_ROWS", 100)
    monkeypatch.setattr(sending, "PATIENCE", 0.1)

    class Slow(Kept):
        def __init__(self, about: About) -> None:
            threading.Event().wait(1.0)

    one, found = run_through(Slow)
    assert "too slow" in " ".join([*found, *one.warnings])


def test_losses_are_the_same_with_a_tracker_that_fails(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = trained(store, "alone")
    monkeypatch.setitem(chosen.KINDS, "wandb", ("core.no_such_module", "Nothing", "W&B"))
    watched = trained(store, "watched", ADDNORM_LOG_TO="wandb, tensorboard")
    for name in ("loss/train", "loss/validation", "grad_norm/block"):
        assert np.array_equal(alone.series(name)[1], watched.series(name)[1])
    assert len(notes(watched)) == 1
    assert "W&B gets nothing of this run" in notes(watched)[0]


def test_a_word_that_is_no_tracker_is_refused(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert named("wandb, TensorBoard,wandb") == ["wandb", "tensorboard"]
    with pytest.raises(UnknownTrackerError, match="accepted: tensorboard, wandb"):
        named("wanb")
    assert main(["train", "--log-to", "wanb", "--runs-dir", str(store.root)]) == 2
    assert "there is no tracker wanb" in capsys.readouterr().err
    run = trained(store, "typo", ADDNORM_LOG_TO="wanb")
    assert "there is no tracker wanb" in notes(run)[0]


def test_every_tracker_can_be_found() -> None:
    for module, name, _ in KINDS.values():
        path = Path(__file__).parents[3] / f"{module.replace('.', '/')}.py"
        assert f"class {name}:" in path.read_text()
