"""Runs as Slurm jobs: a batch script for each, submitted with `sbatch`. Without torch.

The nodes have to see the runs folder, this program and its Python under the same paths, as they do
on a cluster with a home folder for all. The script and the job's number are kept in
``<root>/.clusters/slurm``. What `sbatch` is to be told besides stands in ADDNORM_SBATCH, as
``--partition=gpu --time=8:00:00``. A job that Slurm ends at its time limit is told 90 seconds
before, writes a checkpoint and is stopped; one that Slurm puts back into its queue goes on.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from core.files import make_private, write_atomically
from core.jobs import admission
from core.jobs.elsewhere import SLURM, folder
from core.jobs.processes import HOME
from core.language import Message
from core.machine import DeviceKind
from core.runs import Run, RunError, RunStore

OPTIONS = "ADDNORM_SBATCH"
WARNING_SECONDS = 90  # between the signal and the end of a job
SPARE = 2**30  # bytes besides what training takes: Python, torch, the text
ANSWER_SECONDS = 60


def script(run: Run) -> str:
    """The batch script that trains a run."""
    config = run.config
    cuda = config.training.device == "cuda"
    kind: DeviceKind = "cuda" if cuda else "cpu"
    many = config.training.devices
    threads = many * (1 if config.training.threads == "auto" else config.training.threads)
    need = 0 if cuda else admission.needed(config, kind, run.fork)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", run.name)[:40] or "run"
    lines = [
        "#!/bin/bash",
        f"#SBATCH --job-name={name}",
        f"#SBATCH --output={shlex.quote(str(run.path / 'log.txt'))}",
        "#SBATCH --open-mode=append",
        "#SBATCH --ntasks=1",
        f"#SBATCH --cpus-per-task={threads}",
        f"#SBATCH --mem={(need + SPARE) // 2**20}M",
        *([f"#SBATCH --gres=gpu:{many}"] if cuda else []),
        "#SBATCH --requeue",
        f"#SBATCH --signal=TERM@{WARNING_SECONDS}",
    ]
    words = [sys.executable, "-m", "core.jobs.node_worker", str(run.path), str(threads),
             secrets.token_hex(8)]  # fmt: skip
    return "\n".join(
        [
            *lines,
            f"cd {shlex.quote(str(HOME))} || exit 1",
            "export ADDNORM_CLUSTER= GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000}",
            f"exec srun --ntasks=1 {shlex.join(words)}"
            if shutil.which("srun")
            else f"exec {shlex.join(words)}",
            "",
        ]
    )


def submit(store: RunStore, run: Run) -> None:
    """Submit a run. Raises RunError where there is no sbatch, or with what it says; OSError."""
    here = folder(store.root, SLURM)
    make_private(store.root)
    here.mkdir(parents=True, exist_ok=True)
    batch = here / f"{run.id}.sh"
    write_atomically(batch, script(run))
    words = Message("it waits in the queue of Slurm")  # before: the job may begin at once
    run.write_status(run.record.model_copy(update={"message": words}))
    try:
        told = _submitted(batch)
    except RunError as error:
        run.write_status(
            run.record.model_copy(update={"state": "failed", "message": error.args[0]})
        )
        raise
    write_atomically(here / f"{run.id}.job", told.strip().partition(";")[0] + "\n")


def _submitted(batch: Path) -> str:
    more = shlex.split(os.environ.get(OPTIONS, ""))
    return _asked(["sbatch", "--parsable", *more, str(batch)])


def cancel(store: RunStore, run: Run) -> None:
    """Take a run's job back. Raises RunError with what Slurm says."""
    if job := job_of(store, run):
        _asked(["scancel", job])


def job_of(store: RunStore, run: Run) -> str:
    """The number of a run's newest job; "" where it was never submitted."""
    try:
        return (folder(store.root, SLURM) / f"{run.id}.job").read_text().strip()
    except OSError:
        return ""


def _asked(words: list[str], cwd: Path = HOME) -> str:
    try:
        done = subprocess.run(
            words, cwd=cwd, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise RunError(
            Message("there is no {program} on this machine: log in to a node of the Slurm cluster"
                    " that submits jobs", program=words[0])
        ) from error  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise RunError(
            Message("{program} gave no answer in {n} seconds; try again once Slurm answers",
                    program=words[0], n=ANSWER_SECONDS)
        ) from error  # fmt: skip
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise RunError(
            Message("{program} refuses it: {why}", program=words[0], why=said[-1] if said else "?")
        )
    return done.stdout
