"""The detached processes of a runs folder: one standby that trains, one inspector, one that reads
runs that nobody has measured, one that checks claims. Without torch.

Each holds a lock for its life. Whoever starts one takes the lock first and hands it over, so that
nobody starts a second one while the first still imports torch.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from core.runs import read_only
from core.runs.locks import Lock

HOME = Path(__file__).resolve().parents[2]
# Threads of libgomp spin while they wait, and spinning takes the core from a browser or another
# run: with the default a step beside them took up to 50 times its own time. This short spin costs
# a few per cent alone.
WAITING = {"GOMP_SPINCOUNT": "1000"}
# What torchrun says to a process of several; see core.training.seats.
OF_RANKS = (
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE"),
    *("ROLE_RANK", "ROLE_WORLD_SIZE", "ROLE_NAME", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_"),
)


@dataclass(frozen=True)
class Service:
    """A kind of process of which a runs folder has at most one: its module, and its files there."""

    module: str
    name: str
    words: tuple[str, ...] = ()  # that it is started with, besides the folder and its lock

    def lock(self, root: Path) -> Path:
        """Held by the one process, its pid inside."""
        return root / self.name

    def log(self, root: Path) -> Path:
        """The file that takes what the process prints."""
        return root / f"{self.name}.log"


STANDBY = Service("core.jobs.training_worker", ".standby")
INSPECTOR = Service("core.jobs.inspection_worker", ".inspector")
DIGESTS = Service("core.jobs.digest_worker", ".digests")
CHECKS = Service("core.jobs.check_worker", ".checks")


def ensure(service: Service, root: Path) -> None:
    """Make sure that a runs folder has its process; starts one where there is none.

    None is started where the folder is only to look at.
    """
    if read_only.is_read_only():
        return
    lock = Lock(service.lock(root))
    if not lock.acquire():
        return
    try:
        with open(service.log(root), "ab") as log:
            process = subprocess.Popen(
                command(service, root, lock),
                cwd=HOME,
                env=service_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock.descriptor],
                start_new_session=True,  # closing the dashboard or its terminal does not reach it
            )
        lock.write(process.pid)
    finally:
        lock.release()  # here; the process has it


def command(service: Service, root: Path, lock: Lock) -> list[str]:
    """How the process is started with a lock that is held for it."""
    return [sys.executable, "-m", service.module, str(root), str(lock.descriptor), *service.words]


def service_environment() -> dict[str, str]:
    """The environment of a detached process: whatever started this one, it is alone."""
    whole = worker_environment()
    return {name: value for name, value in whole.items() if not name.startswith(OF_RANKS)}


def worker_environment() -> dict[str, str]:
    """The environment of a process that trains; a user's own settings win."""
    return {**WAITING, **os.environ}
