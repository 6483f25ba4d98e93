"""Trains one run for another machine: ``python -m core.jobs.node_worker RUN THREADS TOKEN``.

Started on a node of a cluster, by a Slurm job or, with ``--follow``, by Ray
(:mod:`core.jobs.ray_node`): then it ends with whoever holds the other end of its standard input.
`RUN` is the run's directory as this machine sees it. With a `TOKEN` it is the very directory that
people look at, on a disk that several machines share: its lease is renewed meanwhile
(:mod:`core.runs.lease`), and where that names another token this process was given up and ends at
once. With ``-`` it is a copy that is fetched from here.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from core.jobs.elsewhere import SLURM
from core.jobs.execute_run import FileControl, work
from core.jobs.slots import Slot
from core.jobs.training_worker import Ending, log_to
from core.machine import DeviceKind
from core.runs import Run, lease
from core.runs.status import HOST, RESUMABLE

GIVEN_UP, BUSY = 3, 4  # exit statuses


class Granted(Slot):
    """The place that a cluster gave: so many threads, which nobody else of this machine counts."""

    def __init__(self, kind: DeviceKind, threads: int) -> None:
        super().__init__(kind)
        self._threads = threads

    def enter(self, wait: bool = True) -> bool:
        """It is there all the time."""
        return True

    def leave(self) -> None:
        """A paused run keeps its place on the cluster."""

    def share(self) -> int:
        """The threads that it was given."""
        return self._threads


def main() -> None:
    """Train a run from its newest checkpoint to its end."""
    path, threads, token, *more = sys.argv[1:]
    run = Run(Path(path))
    os.environ.setdefault(HOST, socket.gethostname())
    log_to(run.path / "log.txt")
    followed, shared = "--follow" in more, token != "-"
    if followed:
        threading.Thread(target=_end_with_the_other_side, daemon=True).start()
    if not followed or not shared:  # else who follows it holds the lock, on another machine
        lock = run.lock()
        if not lock.acquire():
            sys.exit(BUSY)
    if not followed:
        if run.status not in ("queued", *RESUMABLE):
            return  # it ended, or was stopped, before its job began
        lease.write(run.path, lease.Lease(SLURM, os.environ[HOST], token))
    if shared:
        threading.Thread(target=_renew, args=(run, token), daemon=True).start()
    ending = Ending()
    signal.signal(signal.SIGTERM, ending)
    signal.signal(signal.SIGINT, ending)
    kind: DeviceKind = "cuda" if os.environ.get("CUDA_VISIBLE_DEVICES", "").strip() else "cpu"
    control = FileControl(run, Granted(kind, int(threads)))
    ending.controls = [control]
    control.stopping = ending.wanted
    work(run, control)
    if not followed:
        lease.end(run.path)


def _renew(run: Run, token: str) -> None:
    """Say that it is at work, and end where the run was given to another process meanwhile."""
    while True:
        found = lease.read(run.path)
        if found is None or found.token != token:
            os._exit(GIVEN_UP)
        lease.renew(run.path)
        time.sleep(lease.BEAT_SECONDS)


def _end_with_the_other_side() -> None:
    while os.read(0, 4096):
        pass
    os._exit(GIVEN_UP)


if __name__ == "__main__":
    main()
