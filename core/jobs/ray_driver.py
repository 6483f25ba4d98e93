"""Follows runs on a Ray cluster: ``python -m core.jobs.ray_driver ROOT LOCK ADDRESS``.

One process for each folder and cluster, by lock. It takes the runs of the queue that are sent
there, in their order, asks the cluster for a place for each (:mod:`core.jobs.ray`) and follows it
(:mod:`core.jobs.ray_following`). The actors outlive it: killed and started anew it finds them by
their runs' ids. It ends after a minute without a run.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time

from core.jobs import elsewhere, environment
from core.jobs.changes import Changes
from core.jobs.processes import Service, command
from core.jobs.queue import run_queue
from core.jobs.ray import Cluster
from core.jobs.ray_following import Following
from core.jobs.worker import newest_source
from core.language import Message
from core.runs import Run, RunError, RunStore
from core.runs.locks import Lock
from core.runs.status import Status

IDLE_SECONDS = 60.0
LOOK_SECONDS = 1.0
AGAIN_SECONDS = 5.0  # between two tries to reach a cluster
GIVE_UP_SECONDS = 600.0
MOST_PLACING = 2  # runs that wait for a place there; the order of all others can still be changed


class Driver:
    """Takes runs that wait and follows those that are on the cluster."""

    def __init__(self, store: RunStore, address: str, cluster: Cluster) -> None:
        self.store, self.address, self.cluster = store, address, cluster
        self.queue = run_queue(store)
        self.at_work: dict[str, Following] = {}

    def tick(self) -> None:
        """Begin to follow what is to be followed, and let go of what has ended."""
        self.at_work = {id: one for id, one in self.at_work.items() if one.is_alive()}
        waiting = self.queue.waiting()
        apart = {*waiting, *self.queue.held(), *self.at_work}
        for id in elsewhere.followed(self.store, self.address):
            if id not in apart:
                self._follow(id)
        for id in waiting:
            if sum(one.placing for one in self.at_work.values()) >= MOST_PLACING:
                return
            if id not in self.at_work and Run(self.store.root / id).on == self.address:
                self._take(id)

    @property
    def broken(self) -> bool:
        """Whether the connection is lost."""
        return any(one.broken for one in self.at_work.values())

    def _take(self, id: str) -> None:
        """Take a run out of the queue; whoever removes the marker has it."""
        run = Run(self.store.root / id)
        lock = run.lock(elsewhere=True)
        try:
            if not lock.acquire():
                return
            wanted = self.queue.read(id)
            elsewhere.follow(self.store, run, self.address, wanted or "")
            if not self.queue.take(id):
                lock.release()
                return
        except OSError as error:
            logging.warning("run %s can't be taken: %s", id, error)
            lock.release()
            return
        self._start(run, lock, wanted)

    def _follow(self, id: str) -> None:
        """Go on with a run that was taken in an earlier life of this process."""
        run = Run(self.store.root / id)
        lock = run.lock(elsewhere=True)
        try:
            gone = not run.path.is_dir() or run.on != self.address
            if gone:
                if actor := self.cluster.found(id):
                    self.cluster.kill(actor)
                elsewhere.forget(self.store, id, self.address)
            elif lock.acquire():
                self._start(run, lock, elsewhere.asked_in(self.store, id, self.address))
        except OSError as error:
            logging.warning("run %s can't be followed: %s", id, error)
            lock.release()

    def _start(self, run: Run, lock: Lock, wanted: str | None) -> None:
        surroundings = environment.read(wanted) or {}
        one = Following(self.store, run, lock, self.cluster, surroundings)
        self.at_work[run.id] = one
        one.start()


def main() -> None:
    """Follow until nothing is left to follow."""
    root, descriptor, address = sys.argv[1:4]
    store = RunStore(root)
    service = elsewhere.driver(address)
    lock = Lock(service.lock(store.root))
    lock.adopt(int(descriptor))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    cluster = _reached(store, address)
    if cluster is None:
        return
    driver = Driver(store, address, cluster)
    changes = Changes(driver.queue.folder)
    born, idle = newest_source(), time.monotonic()
    while store.root.is_dir() and not lock.lost:
        with contextlib.suppress(OSError):
            driver.tick()
        if driver.broken:
            time.sleep(AGAIN_SECONDS)
        if driver.broken or newest_source() != born:
            _again(service, store, lock)
        if driver.at_work or elsewhere.followed(store, address):
            idle = time.monotonic()
        elif time.monotonic() - idle > IDLE_SECONDS:
            break
        changes.wait(LOOK_SECONDS)
    cluster.leave()


def _reached(store: RunStore, address: str) -> Cluster | None:
    """The cluster, tried again for ten minutes; what waits says so meanwhile."""
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            elsewhere.check(address)  # Ray itself would try for a minute, and say nothing
            return Cluster.connect(address, elsewhere.namespace(store.root))
        except RunError as error:
            logging.warning("%s", error)
            _tell_waiting(store, address, error)
        if time.monotonic() > deadline:
            return None
        time.sleep(AGAIN_SECONDS)


def _tell_waiting(store: RunStore, address: str, error: RunError) -> None:
    waiting = run_queue(store).waiting()
    for id in dict.fromkeys([*waiting, *elsewhere.followed(store, address)]):
        run = Run(store.root / id)
        if run.on != address:
            continue
        lock = run.lock(elsewhere=True)
        with contextlib.suppress(OSError, RunError):
            if lock.acquire() and run.status == "queued":
                words: str = Message("it waits: {why}", why=error)
                known = run.record
                if id not in waiting:  # one that was under way there
                    words = elsewhere.silence(address) or words
                run.write_status(
                    Status(state="queued", step=known.step, steps=known.steps, message=words)
                )
        lock.release()


def _again(service: Service, store: RunStore, lock: Lock) -> None:
    """Begin anew in this process: connected again, or with the program as it is now."""
    logging.info("begins anew, with %d threads", threading.active_count())
    os.set_inheritable(lock.descriptor, True)
    os.execv(sys.executable, command(service, store.root, lock))


if __name__ == "__main__":
    main()
