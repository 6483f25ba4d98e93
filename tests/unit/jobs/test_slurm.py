"""Runs as Slurm jobs, against an `sbatch` that runs the script."""

import stat
import time
from pathlib import Path

import numpy as np
import pytest

from core.jobs import control, enqueue
from core.jobs.elsewhere import SLURM, folder
from core.programs.training import foreground
from core.runs import Run, RunError, RunStore
from core.runs.status import ENDED
from tests.conftest import small

SBATCH = """#!/bin/bash
# The last word is the script; what goes before it, and the script's own options, are kept.
echo "$@" >> {folder}/asked
script="${{@: -1}}"
output=$(sed -n 's/^#SBATCH --output=//p' "$script")
{job}
echo 4711
"""
RUNS = 'nohup bash "$script" >> "$output" 2>&1 < /dev/null & echo $! > {folder}/pid'


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that stand for Slurm's."""
    bin = tmp_path / "bin"
    bin.mkdir()
    program(bin / "sbatch", SBATCH.format(folder=bin, job=RUNS.format(folder=bin)))
    program(bin / "scancel", f'#!/bin/bash\necho "$@" >> {bin}/cancelled\n')
    monkeypatch.setenv("PATH", f"{bin}:/usr/bin:/bin")
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    return bin


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def ended(run: Run) -> str:
    deadline = time.monotonic() + 240
    while run.status not in ENDED and time.monotonic() < deadline:
        time.sleep(0.1)
    return run.status


def test_without_sbatch_it_says_where_to_go(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RunError, match="no sbatch on this machine: log in to a node"):
        enqueue(store, small(), on="slurm")
    assert store.list() == []


def test_a_job_trains_the_same_run(
    slurm: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDNORM_SBATCH", "--partition=short --time=0:10:00")
    here, _ = foreground(store, small(), "here", bar=None)
    there = enqueue(store, small(), "there", on="slurm")
    assert ended(there) == "finished"
    assert np.array_equal(here.series("loss/train")[1], there.series("loss/train")[1])
    assert there.where
    assert there.where == there.record.host
    deadline = time.monotonic() + 10
    while there.alive and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not there.alive
    assert (slurm / "asked").read_text().startswith("--parsable --partition=short --time=0:10:00 /")
    script = (folder(store.root, SLURM) / f"{there.id}.sh").read_text()
    assert "#SBATCH --cpus-per-task=1\n" in script
    assert f"#SBATCH --output={there.path}/log.txt\n" in script


def test_a_running_job_obeys_and_one_that_waits_is_cancelled(slurm: Path, store: RunStore) -> None:
    run = enqueue(store, small(training__steps=100_000), on="slurm")
    deadline = time.monotonic() + 240
    while run.record.step < 5 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert run.alive
    control(store, run, "stop")
    assert ended(run) == "stopped"
    program(slurm / "sbatch", SBATCH.format(folder=slurm, job=""))
    at = run.record.step
    while run.alive:
        time.sleep(0.1)
    control(store, run, "resume")
    assert run.status == "queued"
    assert run.record.step == at
    control(store, run, "stop")
    assert run.status == "stopped"
    assert (slurm / "cancelled").read_text() == "4711\n"


def test_what_sbatch_refuses_is_said(slurm: Path, store: RunStore) -> None:
    program(slurm / "sbatch", "#!/bin/bash\necho 'sbatch: error: invalid partition' >&2; exit 1\n")
    with pytest.raises(RunError, match="sbatch refuses it: sbatch: error: invalid partition"):
        enqueue(store, small(), on="slurm")
    (run,) = store.list()
    assert run.status == "failed"
    assert "invalid partition" in run.record.message
