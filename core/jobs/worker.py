"""The standby: a detached process with torch imported that waits for one run and trains it.

``python -m core.jobs.worker ROOT``. There is one standby per runs folder, by lock. It claims the
next queued run when a place is free, starts its successor and trains; with nothing queued or
running it ends after ten minutes. So the queue moves without a daemon and without the dashboard,
and a run starts at once.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

from core.jobs.local import forget, queue_folder, revive, standby_lock, waiting
from core.jobs.places import Place
from core.runs import Run, RunError, RunStore
from core.runs.locks import Lock

POLL_SECONDS = 0.04
IDLE_SECONDS = 600
LOOK_SECONDS = 5  # between looks at whether a run of this folder is at work
NEWEST = 50  # runs that are looked at; an older one that was resumed can do without a standby
ORPHAN_SECONDS = 10  # a queued run without a marker this old lost it in a crash


def main() -> None:
    """Wait for a run, claim it, train it."""
    store = RunStore(sys.argv[1])
    standby = Lock(standby_lock(store))
    if not standby.acquire():
        return  # there is one already
    import core.jobs.work  # with torch: being warm is what a standby is for

    core.jobs.work.warm()
    adopt_orphans(store)
    claimed = wait_for_run(store)
    standby.release()
    if claimed is None:
        return
    run, lock, place = claimed
    revive(store)  # the successor
    _log_to(run.path / "log.txt")
    desk = core.jobs.work.WorkDesk(run, place)

    def stop(signum: int, frame: object) -> None:
        desk.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        core.jobs.work.work(run, desk)
    finally:
        place.leave()
        lock.release()


def wait_for_run(store: RunStore) -> tuple[Run, Lock, Place] | None:
    """The next queued run, its lock and a place; None after ten idle minutes."""
    deadline = time.monotonic() + IDLE_SECONDS
    looked = time.monotonic()
    while time.monotonic() < deadline:
        ids = waiting(store)
        for id in ids:
            claimed = claim(store, id)
            if claimed is not None:
                return claimed
        if time.monotonic() - looked > LOOK_SECONDS:
            looked = time.monotonic()
            if ids or any(run.alive for run in store.list()[-NEWEST:]):
                deadline = time.monotonic() + IDLE_SECONDS
        if not store.root.is_dir():
            return None  # the runs folder is gone, and with it all that could be queued
        time.sleep(POLL_SECONDS)
    return None


def claim(store: RunStore, id: str) -> tuple[Run, Lock, Place] | None:
    """Take a queued run if a place is free for it and nobody else has it."""
    from core.jobs.work import kind_of

    try:
        run = store.open(id)
        run.config  # noqa: B018 - an unreadable run is no work
    except RunError:
        forget(store, id)
        return None
    place = Place(kind_of(run))
    if not place.enter():
        return None
    lock = run.lock()
    if not lock.acquire():
        place.leave()
        return None
    forget(store, id)
    if run.status != "queued":
        lock.release()
        place.leave()
        return None
    return run, lock, place


def adopt_orphans(store: RunStore) -> None:
    """Queue again what is queued but lost its marker."""
    marked = set(waiting(store))
    for run in store.list():
        record = run.record
        old = time.time() - record.changed > ORPHAN_SECONDS
        if record.state == "queued" and run.id not in marked and old and not run.alive:
            folder = queue_folder(store)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{time.time_ns():020d}_{run.id}").touch()


def _log_to(path: Path) -> None:
    """From here on whatever is printed belongs to the run."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", force=True
    )


if __name__ == "__main__":
    main()
