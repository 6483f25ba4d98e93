"""Exports read back equal, and what a zip may not bring into a store."""

import io
import json
import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pyarrow.parquet
import pytest

from core.__main__ import main
from core.jobs.execute_run import work
from core.runs import Run, RunError, RunStore, Status
from core.runs.status import Order
from core.training.control import NullControl
from core.transfer.archive import ArchiveError, import_runs, pack
from core.transfer.tables import export
from tests.conftest import small
from tests.fake_runs import finished


@pytest.fixture
def runs(store: RunStore) -> list[Run]:
    """Three runs of other depths, one of which diverged."""
    return [
        finished(store, "six", steps=200),
        finished(store, "three, with a comma", "plateau", steps=120, model__depth=3),
        finished(store, "boom", "diverges", steps=200),
    ]


def flat(name: str, width: int) -> list[str]:
    return [f"{name}/layer_{i}" for i in range(width)] if width else [name]


def assert_equal(run: Run, table: pd.DataFrame, names: dict[str, int]) -> None:
    """Every number of a flat table is the run's, to the bit."""
    for name, width in names.items():
        steps, values = run.series(name)
        assert table["step"].tolist() == steps.tolist()
        got = table[flat(name, width)].to_numpy().astype(np.float32)
        np.testing.assert_array_equal(got if width else got[:, 0], values)


def test_csv_reads_back_equal(runs: list[Run], tmp_path: Path) -> None:
    folder = export(runs, "csv", tmp_path / "out")
    assert sorted(os.listdir(folder)) == ["evaluation.csv", "probe.csv", "runs.csv", "step.csv"]
    for cadence in ("step", "probe", "evaluation"):
        whole = pd.read_csv(folder / f"{cadence}.csv")
        assert list(whole.columns[:3]) == ["run", "step", "seconds"]
        assert whole["run"].unique().tolist() == [run.id for run in runs]
        for run in runs:
            part = whole[whole["run"] == run.id]
            assert_equal(run, part, run.cadence_metrics(cadence))
            seconds = run.rows(cadence, ["seconds"]).columns["seconds"]
            np.testing.assert_allclose(part["seconds"], seconds, rtol=1e-15)
    boom = pd.read_csv(folder / "step.csv").query("run == @runs[2].id")
    assert boom["loss/train"].isna().any(), "NaN stays NaN"
    narrow = pd.read_csv(folder / "step.csv").query("run == @runs[1].id")
    assert narrow["grad_norm/block/layer_5"].isna().all(), "it has three layers"
    about = pd.read_csv(folder / "runs.csv")
    assert about["name"].tolist() == [run.name for run in runs]
    assert about["model.depth"].tolist() == [6, 3, 6]
    assert about["verdict"].tolist()[2] == "diverged"


def test_a_spreadsheet_computes_no_name(store: RunStore, tmp_path: Path) -> None:
    run = finished(store, steps=5)
    run.update_meta(name='=HYPERLINK("http://x")', note="-1 is no formula of ours", tags=["@x"])
    about = pd.read_csv(export([run], "csv", tmp_path / "out") / "runs.csv")
    for column in ("name", "note", "tags"):
        assert str(about[column][0]).startswith("'"), column


def test_parquet_reads_back_equal(runs: list[Run], tmp_path: Path) -> None:
    folder = export(runs, "parquet", tmp_path / "out")
    for cadence in ("step", "probe", "evaluation"):
        table = polars.read_parquet(folder / f"{cadence}.parquet")
        for run in runs:
            part = table.filter(polars.col("run") == run.id)
            for name, width in run.cadence_metrics(cadence).items():
                steps, values = run.series(name)
                assert part["step"].to_list() == steps.tolist()
                got = np.array(part[name].to_list(), dtype=np.float32)
                assert got.shape == ((len(steps), width) if width else (len(steps),))
                np.testing.assert_array_equal(got, values)
    metadata = pyarrow.parquet.read_schema(folder / "step.parquet").metadata[b"addnorm"]
    about = json.loads(metadata)["runs"]
    assert list(about) == [run.id for run in runs]
    assert about[runs[1].id]["config"]["model"]["depth"] == 3
    assert about[runs[2].id]["status"]["state"] == "diverged"


def test_tensorboard_reads_back_equal(runs: list[Run], tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = dict.fromkeys(("scalars", "tensors"), 0)
    folder = export(runs, "tensorboard", tmp_path / "out")
    assert sorted(os.listdir(folder)) == [run.id for run in runs]
    for run in runs:
        found = EventAccumulator(str(folder / run.id), size_guidance=everything)
        found.Reload()
        metrics = run.metrics()
        tags = [tag for name, width in metrics.items() for tag in flat(name, width)]
        assert sorted(found.Tags()["scalars"]) == sorted(tags)
        for name, width in metrics.items():
            steps, values = run.series(name)
            columns = values.T if width else values[None]
            for tag, column in zip(flat(name, width), columns, strict=True):
                events = found.Scalars(tag)
                assert [e.step for e in events] == steps.tolist()
                np.testing.assert_array_equal(np.float32([e.value for e in events]), column)
        events = found.Scalars("loss/train")
        seconds = run.rows("step", ["seconds"]).columns["seconds"]
        gone = [e.wall_time - events[0].wall_time for e in events]
        np.testing.assert_allclose(gone, seconds - seconds[0], atol=1e-5)
        assert str(run.config.model.depth) in str(found.Tensors("settings")[0].tensor_proto)


def test_only_some_metrics_and_one_zip_of_them(runs: list[Run], tmp_path: Path) -> None:
    path = export(runs[:1], "csv", tmp_path / "some.zip", ["loss/train", "grad_norm/block"])
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["runs.csv", "step.csv"]
        table = pd.read_csv(io.BytesIO(archive.read("step.csv")))
    assert list(table.columns) == ["run", "step", "seconds", "loss/train",
                                   *flat("grad_norm/block", 6)]  # fmt: skip


def test_refusals_leave_nothing_behind(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with pytest.raises(RunError, match="near it are loss/train"):
        export(runs, "csv", out / "x", ["loss/trian"])
    with pytest.raises(RunError, match="no run to export"):
        export([], "csv", out / "x")
    out.mkdir()
    (out / "x").mkdir()
    with pytest.raises(RunError, match="exists already"):
        export(runs, "csv", out / "x")

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.csv.CSVWriter", full)
    with pytest.raises(RunError, match="No space left"):
        export(runs, "csv", out / "y")
    monkeypatch.setattr("zipfile.ZipFile.write", full)
    with pytest.raises(RunError, match="No space left"):
        export(runs, "zip", out / "z.zip")
    assert os.listdir(out) == ["x"]


def test_a_run_that_vanished_gives_a_sentence(runs: list[Run], tmp_path: Path) -> None:
    import shutil

    shutil.rmtree(runs[0].path)
    for form in ("csv", "parquet", "tensorboard", "zip"):
        with pytest.raises(RunError, match=r"has gone|can't be|nothing can"):
            export(runs[:1], form, tmp_path / form)  # type: ignore[arg-type]
        assert not (tmp_path / form).exists()


# Zips


class StopsAt(NullControl):
    """Orders a stop before a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.left = step

    def commands(self) -> list[Order]:
        """A stop when its time has come."""
        self.left -= 1
        return [Order("stop")] if self.left < 0 else []


def trained(store: RunStore, run: Run, control: NullControl) -> str:
    lock = run.lock()
    assert lock.acquire()
    try:
        return work(run, control)  # type: ignore[arg-type]
    finally:
        lock.release()


def test_a_zip_moves_runs_that_resume_bit_for_bit(store: RunStore, tmp_path: Path) -> None:
    run = store.create(small(), "mover")
    run.update_meta(tags=["a"], note="ünï")
    assert trained(store, run, StopsAt(15)) == "stopped"
    (run.path / "log.txt").write_text("stays here")
    path = export([run], "zip", tmp_path / "runs.zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        inside = {name.split("/", 1)[1] for name in archive.namelist()}
    assert {"config.json", "events.jsonl", "status.json", "corpus.json"} < inside
    assert not inside & {"lock", "log.txt"}
    second = RunStore(tmp_path / "second")
    (moved,) = import_runs(second, path)
    assert moved.id == run.id
    assert moved.config == run.config
    assert (moved.name, moved.meta, moved.status) == (run.name, run.meta, "stopped")
    assert moved.checkpoints == run.checkpoints == [10, 15]
    for name in run.metrics():
        for one, other in zip(run.series(name), moved.series(name), strict=True):
            np.testing.assert_array_equal(one, other)
    for step in run.snapshots.steps:
        np.testing.assert_array_equal(run.snapshots.pattern(step), moved.snapshots.pattern(step))
    for file in (run.path / "checkpoints").iterdir():
        assert file.read_bytes() == (moved.path / "checkpoints" / file.name).read_bytes()
    assert trained(store, run, NullControl()) == trained(second, moved, NullControl()) == "finished"
    np.testing.assert_array_equal(run.series("loss/train")[1], moved.series("loss/train")[1])
    assert (second.root / moved.id / "lock").exists()


def test_what_is_there_already_is_said(runs: list[Run], store: RunStore, tmp_path: Path) -> None:
    runs[1].update_meta(twin_of=runs[0].id)
    path = pack(runs, tmp_path / "runs.zip")
    said: list[str] = []
    runs[2].update_meta(name="renamed since")
    assert import_runs(store, path, said.append) == []
    assert len(said) == 3
    assert all("same content" in sentence for sentence in said)
    # Other content: a new id, and what refers to it follows.
    for run in runs[:2]:
        run.add_event("note", 3, text="went on")
    said.clear()
    first, second = import_runs(store, path, said.append)
    assert (first.id, second.id) == (f"{runs[0].id}-2", f"{runs[1].id}-2")
    assert second.meta["twin_of"] == first.id
    assert ["other content" in sentence for sentence in said] == [True, True, False]
    assert len(RunStore(store.root).list()) == 5
    assert import_runs(store, path)[0].id == f"{runs[0].id}-3"


def test_nothing_starts_by_itself(store: RunStore, tmp_path: Path) -> None:
    waiting = store.create(small(), "waits")
    training = finished(store, "trains", steps=60)
    training.write_status(Status(state="running", step=40, steps=60))
    path = pack([waiting, training], tmp_path / "runs.zip")
    one, two = import_runs(RunStore(tmp_path / "second"), path)
    assert one.status == "stopped"
    assert two.status == "interrupted"


def rewritten(path: Path, change) -> Path:
    """A zip again, with `change(archive)` done before it is closed."""
    other = path.with_name(f"changed-{path.name}")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as target:
        for info in source.infolist():
            target.writestr(info, source.read(info))
        change(target)
    return other


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def zeros(megabytes: int) -> bytes:
    return bytes(megabytes * 2**20)


CONFIG = small().model_dump_json()
HARMFUL = {
    "zip slip": ("../evil/config.json", CONFIG, "out of the runs folder"),
    "slip inside": ("a/../../evil/config.json", CONFIG, "out of the runs folder"),
    "absolute": ("/tmp/evil/config.json", CONFIG, "out of the runs folder"),
    "dot": ("./config.json", CONFIG, "out of the runs folder"),
    "drive": ("C:/evil/config.json", CONFIG, "characters"),
    "backslash": ("evil\\config.json", CONFIG, "characters"),
    "newline": ("evil/con\nfig.json", CONFIG, "characters"),
    "link": (link("evil/config.json"), "/etc/passwd", "a link"),
    "foreign": ("evil/run.sh", "rm -rf", "not a file of a run"),
    "loose": ("readme.txt", "hello", "not a file of a run"),
    "deep": ("evil/metrics/deep/step-0000.arrow", "x", "not a file of a run"),
    "weights": ("evil/checkpoints/step-000000001.pt", "x", "not a file of a run"),
    "no settings": ("evil/status.json", "{}", "no config.json"),
    "schema": ("evil/config.json", '{"schema": 7}', "schema"),
    "unknown": ("evil/config.json", '{"modl": {}}', "did you mean model"),
    "torn": ("evil/config.json", "{", "config.json"),
    "large": ("evil/meta.json", b" " * (65 * 2**20), "too large"),
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_what_may_not_come_in(runs: list[Run], tmp_path: Path, kind: str) -> None:
    name, content, words = HARMFUL[kind]
    path = pack(runs[:1], tmp_path / "runs.zip")
    bad = rewritten(path, lambda archive: archive.writestr(name, content))
    second = RunStore(tmp_path / "second")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ArchiveError, match=words) as caught:
        import_runs(second, bad)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert not second.list(), "not even the good one"
    assert os.listdir(second.root) == [] if second.root.exists() else True
    assert set(os.listdir(tmp_path)) - set(before) <= {"second"}


FILES = {
    "meta.json": b"[1]",
    "status.json": b'{"state": "dancing"}',
    "switches.json": b"{}",
    "metrics/step-0000.arrow": b"no stream",
    "snapshots/attention-000000001.npy": pickled(),
    "checkpoints/step-000000001.safetensors": (2**40).to_bytes(8, "little") + b"{}",
    "checkpoints/step-000000001.json": b"null",
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_checked_before_they_are_a_run(store: RunStore, tmp_path: Path, name) -> None:
    path = tmp_path / "runs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("evil/config.json", CONFIG)
        archive.writestr(f"evil/{name}", FILES[name])
    with pytest.raises(ArchiveError, match=f"evil/{name}"):
        import_runs(store, path)
    assert os.listdir(store.root) == []


def test_bombs(store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("evil/config.json", CONFIG)
        archive.writestr("evil/metrics/step-0000.arrow", zeros(140))
    with pytest.raises(ArchiveError, match="would unpack to 140 MB"):
        import_runs(store, path)
    # One that lies about its size is stopped where it said it would end.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("evil/config.json", CONFIG)
        archive.writestr("evil/metrics/step-0000.arrow", zeros(4))
        archive.filelist[1].file_size = 1000
    with pytest.raises(ArchiveError, match="damaged"):
        import_runs(store, path)
    monkeypatch.setattr("core.transfer.archive.MOST_FILES", 1)
    with pytest.raises(ArchiveError, match="2 files"):
        import_runs(store, path)
    assert not store.root.exists() or os.listdir(store.root) == []


def test_damaged_encrypted_and_other_zips(runs: list[Run], store: RunStore, tmp_path: Path) -> None:
    path = pack(runs[:1], tmp_path / "runs.zip")
    second = RunStore(tmp_path / "second")
    for damage in (
        lambda data: data[: len(data) // 2],
        lambda data: data[:3000] + bytes([data[3000] ^ 255]) + data[3001:],
        lambda data: b"",
        lambda data: b"no zip at all",
    ):
        bad = tmp_path / "bad.zip"
        bad.write_bytes(damage(path.read_bytes()))
        with pytest.raises(ArchiveError, match=r"bad\.zip"):
            import_runs(second, bad)

    def lock(archive: zipfile.ZipFile) -> None:
        archive.filelist[0].flag_bits |= 1

    with pytest.raises(ArchiveError, match="encrypted"):
        import_runs(second, rewritten(path, lock))
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(ArchiveError, match="has no runs"):
        import_runs(second, tmp_path / "empty.zip")
    with pytest.raises(ArchiveError, match="there is no file"):
        import_runs(second, tmp_path / "none.zip")
    assert not second.list()


def test_all_runs_appear_or_none(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(runs, tmp_path / "runs.zip")
    second = RunStore(tmp_path / "second")
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if target == second.root / runs[2].id:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(ArchiveError, match="Input/output"):
        import_runs(second, path)
    assert os.listdir(second.root) == []
    monkeypatch.undo()
    assert [run.id for run in import_runs(second, path)] == [run.id for run in runs]


def test_zips_by_hand_may_have_locks_and_hidden_files(runs: list[Run], tmp_path: Path) -> None:
    path = tmp_path / "hand.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(runs[0].path.rglob("*")):
            archive.write(file, f"{runs[0].id}/{file.relative_to(runs[0].path)}")
        archive.writestr(f"{runs[0].id}/control/000-stop", "")
        archive.writestr(f"{runs[0].id}/.DS_Store", "x")
        archive.writestr("__MACOSX/x", "x")
    (moved,) = import_runs(RunStore(tmp_path / "second"), path)
    assert not list((moved.path / "control").iterdir())
    assert moved.series("loss/train")[1].tolist() == runs[0].series("loss/train")[1].tolist()


def test_the_command_line(runs: list[Run], tmp_path: Path, capsys) -> None:
    first, other = runs[0], tmp_path / "second"
    to = tmp_path / "out" / "tables"
    assert main(["runs", "export", first.id, "--format", "csv", "--to", str(to)]) == 0
    assert (to / "step.csv").exists()
    assert main(["export", "--to", str(tmp_path / "all.zip"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["runs"] == [run.id for run in runs]
    assert main(["import", str(tmp_path / "all.zip"), "--runs-dir", str(other)]) == 0
    assert capsys.readouterr().out.split() == [run.id for run in runs]
    assert main(["import", str(tmp_path / "all.zip"), "--runs-dir", str(other)]) == 0
    assert capsys.readouterr().err.count("same content") == 3
    for wrong in (
        ["export", "nobody", "--to", str(tmp_path / "x.zip")],
        ["export", "--to", str(tmp_path / "all.zip")],
        ["import", str(tmp_path / "nothing.zip")],
        ["runs", "export", first.id, "--format", "png", "--to", "x"],
        ["runs", "export", first.id, "--format", "zip", "--to", "x", "--metrics", "loss/train"],
    ):
        assert main(wrong) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_tensorboard_is_imported_late() -> None:
    import subprocess
    import sys

    code = "import sys, core.transfer.tables, core.__main__; print('tensorboard' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout.strip() == "False", said.stderr
