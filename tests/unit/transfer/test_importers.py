"""Runs of other programs: what is taken in is what the program's own reader returns.

`kept/` holds what the programs wrote, and beside it, as JSON, what their own readers return of it
(MLflow 3.17's client, trackio's storage, W&B 0.31's protocol buffers). Where a program is installed
here, its reader is asked again.
"""

import datetime
import json
import math
import shutil
import sqlite3
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.__main__ import main
from core.catalogue.index import of_run
from core.runs import Run, RunStore
from core.transfer.importers import ImportRefusedError, take_in, wandb_file
from core.transfer.tables import export
from tests.fake_runs import finished

KEPT = Path(__file__).parent / "kept"
Told = dict[str, list[list[float]]]  # of each metric, [step, value]


def expected(name: str) -> dict:
    return json.loads((KEPT / f"{name}.json").read_text())


def by_name(runs: list[Run]) -> dict[str, Run]:
    return {run.name: run for run in runs}


def same(run: Run, told: Told) -> None:
    """Every metric has these steps and values, as float32."""
    renamed = {theirs: ours for ours, theirs in run.origin["renamed"].items()}
    assert set(run.metrics()) == {renamed.get(name, name) for name in told}
    for name, rows in told.items():
        steps, values = run.series(renamed.get(name, name))
        wanted = np.float32([float(value) for _, value in rows])
        assert steps.tolist() == [step for step, _ in rows]
        assert np.array_equal(values, wanted, equal_nan=True)


def test_mlflow_s_file_store(store: RunStore) -> None:
    runs = by_name(take_in(store, KEPT / "mlruns"))
    told = expected("mlflow")
    assert set(runs) == set(told)
    for name, one in told.items():
        same(runs[name], one["metrics"])
        assert runs[name].status == "finished"
    first = of_run(runs["mlp-1"])
    assert first.own["lr"] == 0.001
    assert first.own["layers"] == "[64, 32]"
    assert first.own["training.seed"] == 1
    assert of_run(runs["mlp-2"]).summary.verdict.kind == "diverged"  # its last loss is NaN


@pytest.mark.skipif(not find_spec("mlflow"), reason="mlflow is not installed here")
def test_mlflow_s_own_client_returns_the_same(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client = MlflowClient(f"file:{KEPT / 'mlruns'}")
    runs = by_name(take_in(store, KEPT / "mlruns"))
    for one in client.search_runs([e.experiment_id for e in client.search_experiments()]):
        same(
            runs[one.info.run_name],
            {
                name: [[x.step, x.value] for x in client.get_metric_history(one.info.run_id, name)]
                for name in one.data.metrics
            },
        )


def test_mlflow_s_database(store: RunStore, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with sqlite3.connect(path) as base:
        base.executescript(
            """
            CREATE TABLE experiments (experiment_id INTEGER, name TEXT);
            CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, start_time BIGINT,
                               lifecycle_stage TEXT);
            CREATE TABLE metrics (key TEXT, value DOUBLE, timestamp BIGINT, run_uuid TEXT,
                                  step BIGINT, is_nan BOOLEAN);
            CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
            CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
            INSERT INTO runs VALUES ('a', 'first', 'FINISHED', 1000, 'active'),
                                    ('b', 'gone', 'FINISHED', 2000, 'deleted'),
                                    ('c', 'cut off', 'RUNNING', 3000, 'active');
            INSERT INTO metrics VALUES ('loss', 2.5, 1500, 'a', 0, 0), ('loss', 0, 2500, 'a', 1, 1),
                                       ('loss', 1.5, 3500, 'c', 7, 0);
            INSERT INTO params VALUES ('lr', '0.1', 'a');
            """
        )
    base.close()
    runs = by_name(take_in(store, path))
    assert set(runs) == {"first", "cut off"}
    same(runs["first"], {"loss": [[0, 2.5], [1, math.nan]]})
    assert runs["first"].rows("step", ["seconds"]).columns["seconds"].tolist() == [0.5, 1.5]
    assert (runs["cut off"].status, runs["cut off"].record.step) == ("stopped", 8)


def test_trackio_s_projects(store: RunStore) -> None:
    runs = by_name(take_in(store, KEPT / "toy.db"))
    told = expected("trackio")
    assert set(runs) == set(told)
    for name, one in told.items():
        same(runs[name], one["metrics"])
    assert of_run(runs["net-2"]).own == {
        "lr": 0.002, "optim.name": "adamw", "training.seed": 2,
    }  # fmt: skip


@pytest.mark.skipif(not find_spec("trackio"), reason="trackio is not installed here")
def test_trackio_s_own_reader_returns_the_same(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(KEPT / "toy.db", tmp_path)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    from trackio.sqlite_storage import SQLiteStorage

    for name, run in by_name(take_in(store, KEPT / "toy.db")).items():
        logs = SQLiteStorage.get_logs("toy", name)
        metrics = {key for row in logs for key in row} - {"step", "timestamp"}
        same(run, {m: [[row["step"], row[m]] for row in logs if m in row] for m in metrics})


def test_a_file_of_w_and_b(store: RunStore) -> None:
    """It has a message that goes on over two blocks of 32 KiB, and a loss that is NaN."""
    [run] = take_in(store, KEPT / "gpt.wandb")
    same(run, expected("wandb"))
    assert run.name == "gpt"
    assert run.status == "finished"
    assert run.meta["tags"] == ["base"]
    assert run.meta["note"] == "a note"
    own = of_run(run).own
    assert (own["lr"], own["depth"], own["optim.name"]) == (0.001, 12, "adamw")


@pytest.mark.skipif(not find_spec("wandb"), reason="wandb is not installed here")
def test_w_and_b_s_own_protocol_buffers_read_the_same() -> None:
    from wandb.proto import wandb_internal_pb2

    for message in wandb_file.records(KEPT / "gpt.wandb"):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(message)
        kind = record.WhichOneof("record_type")
        own = {wandb_file.HISTORY: "history", wandb_file.RUN: "run", wandb_file.EXIT: "exit"}
        assert {own[n] for n in wandb_file.decoded(message) if n in own} == {kind} & {*own.values()}


def test_a_file_of_w_and_b_that_was_cut_off_or_damaged(store: RunStore, tmp_path: Path) -> None:
    content = (KEPT / "gpt.wandb").read_bytes()
    (tmp_path / "cut.wandb").write_bytes(content[:60_000])
    [run] = take_in(store, tmp_path / "cut.wandb")
    whole = expected("wandb")["lr"]
    steps = run.series("learning_rate")[0].tolist()
    assert 0 < len(steps) < len(whole)
    assert steps == [step for step, _ in whole[: len(steps)]]
    assert run.status == "stopped"
    assert "cut off" in run.record.message

    damaged = bytearray(content)
    damaged[60_000] ^= 255
    (tmp_path / "cut.wandb").unlink()
    (tmp_path / "damaged.wandb").write_bytes(damaged)
    [again] = take_in(RunStore(tmp_path / "others"), tmp_path / "damaged.wandb")
    assert len(again.series("learning_rate")[0]) >= len(whole) - 1


def test_csv_exports_of_w_and_b_are_put_together(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "loss.csv").write_text(
        '"Step","low - train/loss","low - train/loss__MIN","low - train/loss__MAX",'
        '"high - train/loss","high - train/loss__MIN","high - train/loss__MAX"\n'
        '"0","3","3","3","4","4","4"\n"1","2.5","2.5","2.5","","",""\n"2","2","2","2","NaN","",""\n'
    )
    (tmp_path / "lr.csv").write_text('"Step","low - lr","high - lr"\n"0","0.1","0.2"\n')
    (tmp_path / "runs.csv").write_text(
        '"Name","State","Notes","Tags","Created","Runtime","Sweep","optim.name","train/loss"\n'
        '"low","finished","fine","a, b","2026-11-01T10:00:00.000Z","12","","adamw","2.0"\n'
        '"high","crashed","","","2026-11-01T10:00:00.000Z","5","","sgd","NaN"\n'
    )
    runs = by_name(take_in(store, tmp_path))
    same(runs["low"], {"train/loss": [[0, 3], [1, 2.5], [2, 2]], "lr": [[0, 0.1]]})
    same(runs["high"], {"train/loss": [[0, 4], [2, math.nan]], "lr": [[0, 0.2]]})
    assert of_run(runs["high"]).own == {"optim.name": "sgd"}  # the loss is no setting
    assert runs["high"].status == "failed"
    assert runs["high"].record.message.endswith("calls it crashed")
    assert not runs["low"].record.message
    assert runs["low"].meta["tags"] == ["a", "b"]


def test_a_history_of_w_and_b(store: RunStore, tmp_path: Path) -> None:
    path = tmp_path / "gpt.csv"
    path.write_text(",_step,_runtime,train/loss,val/loss\n0,0,1.5,3,4\n1,10,2.5,2,\n")
    [run] = take_in(store, path)
    same(run, {"train/loss": [[0, 3], [10, 2]], "val/loss": [[0, 4]]})
    assert run.rows("step", ["seconds"]).columns["seconds"].tolist() == [1.5, 2.5]


def test_tensorboard_s_events(store: RunStore, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    folder = tmp_path / "logs" / "mlp"
    with SummaryWriter(str(folder)) as writer:
        for step in range(2000):  # more than its own reader keeps unless it is told to
            writer.add_scalar("train/loss", 3 / (1 + step), step)
            if step % 500 == 0:
                writer.add_scalar("val/loss", 4 / (1 + step), step)
        writer.add_hparams({"lr": 0.1, "seed": 3}, {"hparam/best": 1.0}, run_name=".")
    [run] = take_in(store, tmp_path / "logs")
    own = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    own.Reload()
    tags = own.Tags()["scalars"]
    same(run, {tag: [[one.step, one.value] for one in own.Scalars(tag)] for tag in tags})
    assert run.name == "mlp"
    assert of_run(run).own == {"lr": 0.1, "training.seed": 3}


def test_settings_that_stand_in_a_folder_of_their_own_are_the_run_s(
    store: RunStore, tmp_path: Path
) -> None:
    """As `add_hparams` writes them; a folder in a run's that has none is a run."""
    from torch.utils.tensorboard import SummaryWriter

    for lr in (0.001, 0.003):
        with SummaryWriter(str(tmp_path / f"exp_lr{lr}")) as writer:
            for step in range(3):
                writer.add_scalar("train/loss", lr + step, step)
            writer.add_hparams({"lr": lr}, {"final": 2.0, "train/loss": 9.0})
    with SummaryWriter(str(tmp_path / "exp_lr0.001" / "1796078629")) as writer:
        writer.add_scalar("train/loss", 1.0, 0)
    runs = by_name(take_in(store, tmp_path))
    assert set(runs) == {"exp_lr0.001", "exp_lr0.003", "exp_lr0.001/1796078629"}
    assert of_run(runs["exp_lr0.001"]).own == {"lr": 0.001}
    assert of_run(runs["exp_lr0.003"]).own == {"lr": 0.003}
    told = {"train/loss": [[step, 0.003 + step] for step in range(3)], "final": [[0, 2.0]]}
    same(runs["exp_lr0.003"], told)
    assert len({of_run(run).setting for run in runs.values()}) == 3


@pytest.mark.parametrize("columns", ["", ",seed"])
def test_runs_that_told_no_settings_are_no_repeats(
    store: RunStore, tmp_path: Path, columns: str
) -> None:
    (tmp_path / "loss.csv").write_text('"Step","a - loss","b - loss"\n"0","3","4"\n')
    rows = "".join(f"{name},finished{',1' if columns else ''}\n" for name in "ab")
    (tmp_path / "runs.csv").write_text(f"Name,State{columns}\n{rows}")
    first, second = map(of_run, take_in(store, tmp_path))
    assert first.setting != second.setting
    assert first.experiment != second.experiment


def test_what_this_lab_exports_to_tensorboard_comes_back(store: RunStore, tmp_path: Path) -> None:
    before = finished(store, "ours", steps=60)
    export([before], "tensorboard", tmp_path / "events")
    [after] = take_in(store, tmp_path / "events")
    assert set(after.metrics()) == set(before.metrics())
    for name in ("loss/train", "loss/validation", "grad_norm/block", "activation/rms/resid_post"):
        for one, other in zip(before.series(name), after.series(name), strict=True):
            assert np.array_equal(one, other, equal_nan=True)
    assert of_run(after).own["model.depth"] == before.config.model.depth


def test_neptune_s_export(store: RunStore, tmp_path: Path) -> None:
    """Two parts of one run, in the schema of the exporter."""
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    fields = [
        ("project_id", pa.string()), ("run_id", pa.string()), ("attribute_path", pa.string()),
        ("attribute_type", pa.string()), ("step", pa.decimal128(18, 6)),
        ("timestamp", pa.timestamp("ms", tz="UTC")), ("int_value", pa.int64()),
        ("float_value", pa.float64()), ("string_value", pa.string()), ("bool_value", pa.bool_()),
        ("datetime_value", pa.timestamp("ms", tz="UTC")),
        ("string_set_value", pa.list_(pa.string())),
    ]  # fmt: skip
    rows = [
        {"attribute_path": "config/lr", "attribute_type": "float", "float_value": 0.1},
        {"attribute_path": "config/depth", "attribute_type": "int", "int_value": 6},
        {"attribute_path": "sys/name", "attribute_type": "string", "string_value": "deep"},
        {"attribute_path": "sys/tags", "attribute_type": "string_set", "string_set_value": ["x"]},
    ]
    series = [
        {
            "attribute_path": "metrics/train/loss", "attribute_type": "float_series",
            "step": Decimal(step), "float_value": 3.0 - step / 10,
            "timestamp": now + datetime.timedelta(seconds=step),
        }
        for step in range(20)
    ]  # fmt: skip
    about = {"project_id": "team/toy", "run_id": "RUN-1"}
    for number, part in enumerate((rows + series[:10], series[10:])):
        table = pa.Table.from_pylist([{**about, **one} for one in part], pa.schema(fields))
        pq.write_table(table, tmp_path / f"RUN-1_part_{number}.parquet")
    [run] = take_in(store, tmp_path)
    same(run, {"metrics/train/loss": [[s, 3.0 - s / 10] for s in range(20)]})
    assert run.name == "deep"
    assert run.meta["tags"] == ["x"]
    assert of_run(run).own == {"config.lr": 0.1, "config.depth": 6}


def test_steps_that_are_no_whole_numbers_keep_their_order(store: RunStore, tmp_path: Path) -> None:
    """As of epochs; and of two values of one step the later one counts."""
    (tmp_path / "a.csv").write_text("_step,loss\n0,3\n0.5,2.5\n1,2\n1,1.5\n")
    [run] = take_in(store, tmp_path)
    steps, values = run.series("loss/train")
    assert (steps.tolist(), values.tolist()) == ([0, 5, 10], [3, 2.5, 1.5])


@pytest.mark.parametrize("step", ["-1", "nan", "inf", "1e30"])
def test_a_step_that_is_none_is_refused(store: RunStore, tmp_path: Path, step: str) -> None:
    (tmp_path / "a.csv").write_text(f"_step,loss\n{step},3\n")
    with pytest.raises(ImportRefusedError, match="a step of loss that is none"):
        take_in(store, tmp_path)


def test_of_one_that_can_not_be_told_whose_it_is_nothing_is_claimed(store: RunStore) -> None:
    [run] = take_in(store, KEPT / "gpt.wandb")
    for content in ("{", '{"schema": 99}'):
        (run.path / "origin.json").write_text(content)
        entry = of_run(Run(run.path))
        assert entry.origin["by"] == "another program"
        assert entry.flat["model.placement"] is None
        assert entry.damaged == ["origin.json"]
        assert entry.summary.verdict.kind in ("unjudged", "diverged")


def test_what_is_there_already_is_left_out(store: RunStore) -> None:
    said: list[str] = []
    assert len(take_in(store, KEPT / "mlruns")) == 2
    assert take_in(store, KEPT / "mlruns", say=said.append) == []
    assert len(said) == 2
    assert "there already" in said[0]
    assert len(store.list()) == 2


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "empty.wandb"),
        (b":W&B" + bytes(3), "nothing.wandb"),
        (b"not W&B at all", "other.wandb"),
        (b"PAR1", "cut.parquet"),
        (b"SQLite format 3\x00" + bytes(50), "cut.db"),
        (b"hello", "text.txt"),
        (b"a,b\n1,2\n", "plain.csv"),
    ],
)
def test_what_can_not_be_read_is_refused_in_a_sentence(
    store: RunStore, tmp_path: Path, content: bytes, name: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImportRefusedError) as refused:
        take_in(store, tmp_path / name)
    assert str(tmp_path) in str(refused.value)
    assert store.list() == []


def test_the_command_takes_in_and_says_what_it_left(
    store: RunStore, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = ["--runs-dir", str(store.root)]
    assert main(["import", str(KEPT / "toy.db"), *told]) == 0
    assert len(capsys.readouterr().out.split()) == 2
    assert main(["import", str(KEPT / "toy.db"), *told, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["notes"]) == 2
    assert main(["import", str(KEPT / "toy.db"), "--from", "mlflow", *told]) == 2
    assert "holds no runs" in capsys.readouterr().err
    assert main(["import", str(tmp_path / "no.zip"), *told]) == 2
