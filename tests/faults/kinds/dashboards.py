"""Whole dashboards, as `make lab` starts them, with a page open in each, while runs train: ended or
halted at a random moment, and two at once over one folder of runs."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from core.jobs import launcher
from core.jobs.processes import DIGESTS, INSPECTOR, STANDBY
from core.runs import Run, RunStore
from core.runs.locks import is_locked
from tests.faults import processes
from tests.faults.case import Case
from tests.faults.laboratory import STEPS, Laboratory, LostError, compare, look

ROOT = Path(__file__).resolve().parents[3]
PAGES = ("", "runs", "compare")


def cases() -> list[Case]:
    """Each signal to one of them, and two of them."""
    kinds = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGSTOP": signal.SIGSTOP}
    hit = [
        Case(
            f"{name}{' and SIGCONT' if name == 'SIGSTOP' else ''} to the dashboard",
            f"try {n}",
            lambda lab, rng, number=number: _hit(lab, rng, number),
        )
        for name, number in kinds.items()
        for n in range(3)
    ]
    return [*hit, *(Case("two dashboards on one folder", f"try {n}", _two) for n in range(3))]


class Dashboard:
    """`streamlit run dashboard/app.py` over a folder of runs."""

    def __init__(self, store: RunStore, port: int | None = None) -> None:
        self.port, self._store = port or _free_port(), store
        self.log = store.root.parent / f"dashboard-{self.port}.log"

    def __enter__(self) -> Dashboard:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "streamlit", "run", "dashboard/app.py"),
                    *(f"--server.port={self.port}", "--server.headless=true"),
                ],
                cwd=ROOT,
                env={**os.environ, "ADDNORM_RUNS": str(self._store.root)},
                stdout=log,
                stderr=log,
            )
        self.get("/_stcore/health")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def get(self, address: str) -> str:
        """What a route answers."""
        return processes.get(("127.0.0.1", self.port), address)

    def open(self, page: str = "") -> None:
        """Open a page as a browser does, until its script has run to its end.

        Raises LostError where the page shows a failure.
        """
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
        from websockets.sync.client import connect
        from websockets.typing import Subprotocol

        here = f"127.0.0.1:{self.port}"
        asked = BackMsg()
        asked.rerun_script.page_name = page
        with connect(
            f"ws://{here}/_stcore/stream",
            origin=f"http://{here}",  # type: ignore[arg-type]
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
        ) as socket_:
            socket_.send(asked.SerializeToString())
            while True:
                said = ForwardMsg.FromString(socket_.recv(timeout=processes.PATIENCE))
                if said.delta.new_element.HasField("exception"):
                    raise LostError(f"page {page!r}: {said.delta.new_element.exception.message}")
                if said.WhichOneof("type") == "script_finished":
                    return


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextlib.contextmanager
def _farm(lab: Laboratory) -> Iterator[RunStore]:
    """A folder whose detached processes are ended afterwards."""
    with lab.store("whole") as store:
        try:
            yield store
        finally:
            for _ in range(2):  # a worker may just have made its successor
                services = [one.lock(store.root) for one in (STANDBY, INSPECTOR, DIGESTS)]
                for lock in [*services, *(run.path / "lock" for run in store.list())]:
                    with contextlib.suppress(OSError, ValueError):
                        if is_locked(lock):
                            os.kill(int(lock.read_text()), signal.SIGKILL)


def _hit(lab: Laboratory, rng: random.Random, number: int) -> None:
    with _farm(lab) as store:
        runs = [launcher.add(store, lab.config(), f"queued {n}") for n in range(2)]
        with Dashboard(store) as first:
            first.open(rng.choice(PAGES))  # which wakes a worker
            chosen = rng.choice(runs)
            processes.wait_for(lambda: chosen.status != "queued")
            time.sleep(rng.uniform(0, lab.seconds))
            os.kill(first.process.pid, number)
            if number == signal.SIGSTOP:
                time.sleep(rng.uniform(0, 1))
                os.kill(first.process.pid, signal.SIGCONT)
                first.open()
            else:
                first.process.wait(processes.PATIENCE)
        with Dashboard(store, first.port) as again:
            again.open(rng.choice(PAGES))
            _all_right(lab, store, runs, [again])


def _two(lab: Laboratory, rng: random.Random) -> None:
    with _farm(lab) as store:
        runs = [launcher.add(store, lab.config(), f"queued {n}") for n in range(2)]
        with Dashboard(store) as first, Dashboard(store) as second:
            pids = [processes.start(one.open) for one in (first, second)]
            for pid in pids:
                if processes.end(pid):
                    raise LostError("one of the two shows a failure")
            _all_right(lab, store, runs, [first, second])


def _all_right(
    lab: Laboratory, store: RunStore, runs: list[Run], dashboards: list[Dashboard]
) -> None:
    """Every run was trained once and whole, and each dashboard shows so."""
    processes.wait_for(lambda: all(run.status == "finished" for run in runs))
    for run in runs:
        compare(run, lab.truth())
        if sum(event["kind"] == "start" for event in run.events) != 1:
            raise LostError(f"{run.name} was trained twice")
    for page in PAGES:
        dashboards[-1].open(page)
    told = {one.get(f"/api/series?run={runs[-1].id}&metric=loss/train") for one in dashboards}
    if len(told) != 1 or sum(json.loads(told.pop())["s"]) != STEPS - 1:
        raise LostError("the dashboards tell different numbers")
    for one in dashboards:
        if "Traceback" in one.log.read_text(errors="replace"):
            raise LostError(f"a traceback: {one.log.read_text(errors='replace')[-300:]}")
    look(store)
