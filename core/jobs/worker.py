"""The worker: a detached process with torch imported that waits for a run, and trains.

``python -m core.jobs.worker ROOT``. It begins as the standby of its runs folder, of which there is
one, by lock: it claims the next queued run when a place is free and starts its successor. Having
trained, it takes the next run of the folder itself, which spares the import of torch, and ends when
none waits. A standby with nothing queued or running ends after ten minutes. So the queue moves
without a daemon and without the dashboard, and a run starts at once.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.jobs import queue
from core.jobs.handoff import Turn, is_someones
from core.jobs.launcher import revive, standby_lock
from core.jobs.slots import Place, free
from core.machine import DeviceKind
from core.runs import Run, RunError, RunStore, Status
from core.runs.locks import Lock, is_locked

if TYPE_CHECKING:
    from core.jobs.execute_run import FileControl

POLL_SECONDS = 0.04
# Between two runs a worker stands back this long, so that whoever else waits for a place, a resumed
# run or another folder's worker, looks twice before it takes its own back.
STAND_BACK_SECONDS = 2.5 * POLL_SECONDS
LINGER_SECONDS = 10  # for a place, with runs waiting; then the standby is enough
IDLE_SECONDS = 600
LOOK_SECONDS = 5  # between looks at whether a run of this folder is at work
NEWEST = 50  # runs that are looked at; an older one that was resumed can do without a standby
ORPHAN_SECONDS = 10  # a queued run without a marker this old lost it in a crash


@dataclass
class Claim:
    """A run that is ours: its lock and its place are held."""

    run: Run
    lock: Lock
    place: Place

    def give_back(self) -> None:
        """Let go of the place and the run."""
        self.place.leave()
        self.lock.release()


@dataclass
class Ending:
    """Whether a signal asked the process to end, and the control that passes it on."""

    wanted: bool = False
    control: FileControl | None = None

    def __call__(self, signum: int, frame: object) -> None:
        self.wanted = True
        if self.control is not None:
            self.control.stopping = True


@dataclass
class Search:
    """Looks for a run that can start, opening no more of the queue than it has to."""

    store: RunStore
    kinds: tuple[DeviceKind, ...]  # of places that this machine has
    _needs: dict[str, DeviceKind] = field(default_factory=dict)

    def __call__(self) -> Claim | None:
        """The first waiting run for which a place is free."""
        open_places = [kind for kind in self.kinds if free(kind)]
        if not open_places:
            return None
        for id in queue.waiting(self.store):
            needed = self._needs.get(id)
            if needed is None or needed in open_places:
                claimed = self._claim(id, open_places)
                if claimed is not None:
                    return claimed
        return None

    def _claim(self, id: str, open_places: Iterable[DeviceKind]) -> Claim | None:
        from core.jobs.execute_run import kind_of

        try:
            run = self.store.open(id)
            run.config  # noqa: B018 - an unreadable run is no work
        except RunError:
            queue.forget(self.store, id)
            return None
        self._needs[id] = kind_of(run)
        if self._needs[id] not in open_places:
            return None
        place, lock = Place(self._needs[id]), run.lock()
        if not place.enter():
            return None
        # Whoever removes the marker has the run: it may have been held or taken out meanwhile.
        wanted = queue.environment(self.store, id)
        if lock.acquire() and queue.take(self.store, id) and run.status == "queued":
            queue.enter(wanted)  # whoever queued it may have set what this process never saw
            return Claim(run, lock, place)
        lock.release()
        place.leave()
        return None


def main() -> None:
    """Wait for a run, train it, go on with the next."""
    store = RunStore(sys.argv[1])
    standby = Lock(standby_lock(store))
    if not standby.acquire():
        return  # there is one already
    import core.jobs.execute_run  # with torch: being warm is what a standby is for

    core.jobs.execute_run.warm()
    with contextlib.suppress(OSError):  # the runs folder is gone
        store.trash.expire()
    adopt_orphans(store)
    search = Search(store, core.jobs.execute_run.kinds())
    claimed = wait_for_run(store, search)
    standby.release()
    if claimed is None:
        return
    revive(store)  # the successor
    ending = Ending()
    signal.signal(signal.SIGTERM, ending)
    signal.signal(signal.SIGINT, ending)
    turn = Turn(store)
    while claimed is not None:
        train(claimed, ending, turn)
        claimed = next_run(store, search, ending)
        turn.release()


def train(claimed: Claim, ending: Ending, turn: Turn) -> None:
    """Train a claimed run; its place is given back in one's turn to take the next."""
    from core.jobs.execute_run import FileControl, tidy, work

    _log_to(claimed.run.path / "log.txt")
    ending.control = FileControl(claimed.run, claimed.place)
    ending.control.stopping = ending.wanted
    try:
        work(claimed.run, ending.control)
    finally:
        ending.control = None
        turn.acquire()  # before a place is free, or the standby takes it
        claimed.give_back()
    gc.collect()
    tidy()


def next_run(store: RunStore, search: Search, ending: Ending) -> Claim | None:
    """The folder's next run for a worker that has just finished one; None to end."""
    time.sleep(STAND_BACK_SECONDS)
    deadline = time.monotonic() + LINGER_SECONDS
    while not ending.wanted and time.monotonic() < deadline and queue.waiting(store):
        claimed = search()
        if claimed is not None:
            return claimed
        time.sleep(POLL_SECONDS)
    return None


def wait_for_run(store: RunStore, search: Callable[[], Claim | None]) -> Claim | None:
    """The next queued run, its lock and a place; None after ten idle minutes."""
    deadline = time.monotonic() + IDLE_SECONDS
    looked = time.monotonic()
    while time.monotonic() < deadline:
        # A worker of this folder that has just finished a run takes the next one itself.
        claimed = None if is_someones(store) else search()
        if claimed is not None:
            return claimed
        if time.monotonic() - looked > LOOK_SECONDS:
            looked = time.monotonic()
            if queue.waiting(store) or _at_work(store):
                deadline = time.monotonic() + IDLE_SECONDS
        if not store.root.is_dir():
            return None  # the runs folder is gone, and with it all that could be queued
        time.sleep(POLL_SECONDS)
    return None


def _at_work(store: RunStore) -> bool:
    newest = sorted(_names(store))[-NEWEST:]
    return any(is_locked(store.root / name / "lock") for name in newest)


def adopt_orphans(store: RunStore) -> None:
    """Queue again what is queued but lost its marker."""
    marked = {*queue.waiting(store), *queue.held(store)}
    for name in sorted(_names(store)):
        folder = store.root / name
        try:
            record = Status.read(folder / "status.json")
        except (OSError, ValueError):
            continue
        old = time.time() - record.changed > ORPHAN_SECONDS
        lost = record.state == "queued" and name not in marked and old
        if lost and not is_locked(folder / "lock"):
            queue.add(store, name)


def _names(store: RunStore) -> list[str]:
    try:
        return [name for name in os.listdir(store.root) if not name.startswith(".")]
    except OSError:
        return []


def _log_to(path: Path) -> None:
    """From here on whatever is printed belongs there."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", force=True
    )


if __name__ == "__main__":
    main()
