"""The product's processes, forked so that torch is imported once, and what is done to them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from core.runs import Run, RunStore
from tests.faults.laboratory import LostError, train

PATIENCE = 40.0
NOBODY = 65534


def start(work: Callable[[], object]) -> int:
    """Fork a process that does something and ends; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def hit(pid: int, number: int, after: float, finish: bool = True) -> None:
    """Send a signal after a while; a halted process goes on in a moment. Then wait for its end."""
    time.sleep(after)
    try:
        os.kill(pid, number)
        if number == signal.SIGSTOP:
            time.sleep(0.3)
            os.kill(pid, signal.SIGCONT)
            if not finish:
                os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    end(pid)


def end(pid: int) -> int:
    """Wait for its end; its status. Raises LostError where it does not come."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return 0
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    raise LostError("a process does not end")


def wait_for(true: Callable[[], object]) -> None:
    """Until something is so; raises LostError where that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise LostError("it does not happen")
        time.sleep(0.002)


def become_nobody(root: Path) -> None:
    """Another user, whom a file can be closed to, for the rest of this process."""
    if os.geteuid():
        return
    for folder, folders, files in os.walk(root.parent):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), NOBODY, NOBODY, follow_symlinks=False)
    os.seteuid(NOBODY)


def worker(run: Run) -> None:
    """Train one run as a worker does; nothing where another has it."""
    from core.jobs.execute_run import FileControl, work
    from core.jobs.slots import Slot

    slot, lock = Slot("cpu"), run.lock()
    control = FileControl(run, slot)

    def stop(signum: int, frame: object) -> None:
        control.stopping = True

    signal.signal(signal.SIGTERM, stop)
    if not lock.acquire() or run.status == "finished":
        return
    slot.enter(wait=False)
    work(run, control)
    slot.leave()
    lock.release()


def standby(store: RunStore) -> None:
    """Train what waits, then end; it starts no successor."""
    from core.jobs import training_worker

    training_worker.ensure = lambda *_: None  # type: ignore[assignment]
    training_worker.STAND_BACK_SECONDS = training_worker.HEAD_START_SECONDS = 0.0
    sys.argv = ["standby", str(store.root)]
    training_worker.main()


def inspector(store: RunStore) -> None:
    """Answer what waits, until it is killed."""
    from core.jobs import inspection_worker

    sys.argv = ["inspector", str(store.root)]
    inspection_worker.main()


def listen() -> socket.socket:
    """A port of this machine."""
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    found.listen()
    return found


def server(port: socket.socket) -> None:
    """The dashboard's routes."""
    import uvicorn
    from starlette.applications import Starlette

    from dashboard import api

    app = Starlette(routes=api.ROUTES, middleware=api.MIDDLEWARE)
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run([port])


def get(port: socket.socket | tuple[str, int], address: str) -> str:
    """What a server says, once it says something."""
    import urllib.request

    host, number = port if isinstance(port, tuple) else port.getsockname()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{host}:{number}{address}", timeout=5) as reply:
                return str(reply.read().decode())
        except OSError:
            time.sleep(0.05)
    raise LostError("the server does not answer")


__all__ = ["train"]
