"""The worker: a detached process with torch imported that waits for a run, and trains.

``python -m core.jobs.training_worker ROOT``. It begins as the standby of its runs folder, of which
there is one, by lock: it claims the next queued run when a slot is free and starts its successor.
Having trained, it takes the next run of the folder itself, which spares the import of torch, and
ends when none waits. A standby with nothing queued or running ends after ten minutes. So the queue
moves without a daemon and without the dashboard, and a run starts at once.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.jobs import admission, cohorts, environment
from core.jobs.changes import Changes
from core.jobs.handoff import Turn, is_someones
from core.jobs.processes import STANDBY, ensure
from core.jobs.queue import run_queue, turn
from core.jobs.slots import Slot, free, registry
from core.jobs.worker import LOOK_SECONDS, RETRY_SECONDS, Worker
from core.language import Message
from core.machine import DeviceKind
from core.memory import in_bytes
from core.runs import Run, RunError, RunStore, Status
from core.runs.locks import Lock, is_at_work
from core.training import cohort_rule

if TYPE_CHECKING:
    from core.jobs.execute_run import FileControl

# Between two runs a worker stands back this long, so that whoever else waits for a slot, a resumed
# run or another folder's worker, takes it first.
STAND_BACK_SECONDS = 0.1
# Reading torch takes a processor for three seconds. The first point of a run, for which somebody
# waits at a page, comes before the standby that the next run would need.
HEAD_START_SECONDS = 2.0
GATHER_SECONDS = 2.0  # for more runs of a cohort, while they come
BETWEEN_SECONDS = 0.25  # two of a grid that is being queued
LINGER_SECONDS = 10  # for a slot, with runs waiting; then the standby is enough
NEWEST = 50  # runs that are looked at; an older one that was resumed can do without a standby
ORPHAN_SECONDS = 10  # a queued run without a marker this old lost it in a crash


@dataclass
class Claim:
    """A run that is ours: its lock and its slot are held."""

    run: Run
    lock: Lock
    slot: Slot

    def give_back(self) -> None:
        """Let go of the slot and the run."""
        self.slot.leave()
        self.lock.release()


@dataclass
class Ending:
    """Whether a signal asked the process to end, and the controls that pass it on."""

    wanted: bool = False
    controls: Sequence[FileControl] = ()

    def __call__(self, signum: int, frame: object) -> None:
        self.wanted = True
        for control in self.controls:
            control.stopping = True


@dataclass
class Search:
    """Looks for a run that can start, opening no more of the queue than it has to."""

    store: RunStore
    kinds: tuple[DeviceKind, ...]  # of slots that this machine has
    _needs: dict[str, tuple[DeviceKind, int]] = field(default_factory=dict)  # kind and bytes

    def __post_init__(self) -> None:
        self.queue = run_queue(self.store)

    def __call__(self) -> Claim | None:
        """The first waiting run for which a slot is free."""
        open_places = [kind for kind in self.kinds if free(kind)]
        if not open_places:
            return None
        for id in self.queue.waiting():
            if Run(self.store.root / id).on:
                continue  # it is for another machine
            needed = self._needs.get(id)
            if needed is None or needed[0] in open_places:
                claimed = self._claim(id, open_places)
                if claimed is not None:
                    return claimed
        return None

    def _claim(self, id: str, open_places: list[DeviceKind]) -> Claim | None:
        from core.jobs.execute_run import kind_of

        try:
            run = self.store.open(id)
            run.config  # noqa: B018 - raises where the run is unreadable, which is then skipped
        except RunError:
            self.queue.forget(id)
            return None
        if id not in self._needs:
            kind = kind_of(run)
            self._needs[id] = kind, admission.needed(run.config, kind, run.fork)
        if self._needs[id][0] not in open_places:
            return None
        slot, lock = Slot(*self._needs[id]), run.lock()
        if not slot.enter():
            if slot.too_large:
                self._put_off(run, slot)
            else:  # one that comes free in a moment is this run's, not that of a later one
                open_places.remove(slot.kind)
            return None
        # Whoever removes the marker has the run: it may have been held or taken out meanwhile.
        wanted = self.queue.read(id)
        try:
            if lock.acquire() and self.queue.take(id) and run.status == "queued":
                environment.enter(wanted)  # whoever queued it set what this process never saw
                return Claim(run, lock, slot)
        except OSError as error:  # the others of the queue can do without this one
            logging.warning("run %s can't be taken: %s", id, error)
        lock.release()
        slot.leave()
        return None

    def beside(self, first: Claim) -> list[Claim]:
        """Further waiting runs that train with this one as one program, in its slot."""
        config, kind = first.run.config, first.slot.kind
        room = cohorts.most(kind) - 1
        if room < 1 or cohort_rule.alone(config) or first.run.compiled:
            return []
        self._queued(room)
        environ, size = environment.written(), admission.letters(config, fork=first.run.fork)
        found: list[tuple[str, Run, int]] = []
        for id in self.queue.waiting():
            if len(found) == room:
                break
            with contextlib.suppress(RunError):
                run = self.store.open(id)
                if (
                    not run.on
                    and not run.compiled
                    and not cohort_rule.differing([config, run.config])
                    and environment.same(self.queue.read(id), environ)
                    and admission.letters(run.config, fork=run.fork) == size
                ):
                    found.append((id, run, admission.needed(run.config, kind, run.fork)))
        if not found or not cohorts.pays(first.run, len(found) + 1, kind):
            return []
        taken = (self._also(id, run, need, first.slot) for id, run, need in found)
        return [claim for claim in taken if claim is not None]

    def _queued(self, room: int) -> None:
        """Return when nobody queues more: a grid's runs come one after the other."""
        seen, deadline = -1, time.monotonic() + GATHER_SECONDS
        while seen < (now := len(self.queue.waiting())) < room and time.monotonic() < deadline:
            seen = now
            time.sleep(BETWEEN_SECONDS)

    def _also(self, id: str, run: Run, need: int, slot: Slot) -> Claim | None:
        lock = run.lock()
        try:
            if lock.acquire() and run.status == "queued" and slot.grow(need):
                if self.queue.take(id):
                    return Claim(run, lock, slot)
                slot.grow(-need)
        except OSError as error:
            logging.warning("run %s can't be taken: %s", id, error)
        lock.release()
        return None

    def _put_off(self, run: Run, slot: Slot) -> None:
        """Say that a run waits for memory; it ends where this machine never has as much."""
        sentence = Message(
            "it waits until about {size} of memory are free",
            size=in_bytes(slot.need),
        )
        ended = ""
        if slot.never_fits:
            ended = admission.refused(run.config, slot.kind, fork=run.fork)
        record, lock = run.record, run.lock()
        if record.message == sentence or not lock.acquire():
            return
        with contextlib.suppress(OSError, RunError):  # it is asked for again in a moment
            if record.state == "queued" and ended and self.queue.take(run.id):
                changed = {"state": "out_of_memory", "message": ended}
                run.write_status(record.model_copy(update=changed))
            elif record.state == "queued" and not ended:
                run.write_status(record.model_copy(update={"message": sentence}))
        lock.release()


class TrainingWorker(Worker):
    """The standby of a runs folder, and the worker that it becomes."""

    service = STANDBY

    def __init__(self, store: RunStore) -> None:
        super().__init__(store, run_queue(store), registry())
        self._looked = 0.0
        self._at_work: set[str] = set()  # runs of this folder, at the last look

    def first(self, search: Search) -> Claim | None:
        """The next queued run, its lock and a slot; None when it is time to end."""
        # A worker of this folder that has just finished a run takes the next one itself.
        return self.next(lambda: None if is_someones(self.store) else search(), busy=self._busy)

    def make_way(self) -> None:
        """Start the successor: after the first run's head start, or as soon as another one waits.

        The lock is held until then, so that nobody else starts one.
        """
        deadline = time.monotonic() + HEAD_START_SECONDS
        changes = Changes(self.queue.folder)
        while not self.queue.waiting() and (left := deadline - time.monotonic()) > 0:
            changes.wait(left)
        self.leave()
        ensure(STANDBY, self.store.root)

    def another(self, search: Search, ending: Ending) -> Claim | None:
        """The folder's next run for a worker that has just finished one; None to end."""
        time.sleep(STAND_BACK_SECONDS)
        deadline = time.monotonic() + LINGER_SECONDS
        while not ending.wanted and time.monotonic() < deadline and self.queue.waiting():
            if self.outdated:
                return None
            claimed = search()
            if claimed is not None:
                return claimed
            self.changes.wait(RETRY_SECONDS)
        return None

    def _busy(self) -> bool:
        """Whether a run of this folder is at work; looked at every few seconds."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        newest = self.store.names()[-NEWEST:]
        now = {name for name in newest if is_at_work(self.store.root / name)}
        for name in self._at_work - now:  # a killed one is noticed while the kernel still tells
            _ = Run(self.store.root / name).record
        self._at_work = now
        return bool(now)


def main() -> None:
    """Wait for a run, train it, go on with the next."""
    store = RunStore(sys.argv[1])
    worker = TrainingWorker(store)
    if not worker.begin():
        return
    import core.jobs.execute_run  # with torch: being warm is what a standby is for

    core.jobs.execute_run.warm()
    with contextlib.suppress(OSError):  # the runs folder is gone
        store.trash.expire()
    adopt_orphans(store)
    search = Search(store, core.jobs.execute_run.kinds())
    claimed = worker.first(search)
    if claimed is None:
        if worker.outdated:
            worker.restart()
        return
    threading.Thread(target=worker.make_way).start()
    ending = Ending()
    signal.signal(signal.SIGTERM, ending)
    signal.signal(signal.SIGINT, ending)
    turn = Turn(store)
    while claimed is not None:
        train([claimed, *search.beside(claimed)], ending, turn)
        claimed = worker.another(search, ending)
        turn.release()


def train(claims: Sequence[Claim], ending: Ending, turn: Turn) -> None:
    """Train a claimed run, or several as one program; the slot is given back in one's turn to take
    the next."""
    from core.jobs.execute_run import FileControl, tidy, work

    for claim in reversed(claims):
        log_to(claim.run.path / "log.txt")  # the first one's has what is printed of all
    first, others = claims[0], claims[1:]
    shared = cohorts.Shared(first.slot)
    seats = [cohorts.Seat(shared) for _ in claims] if others else []
    slots: list[Slot] = [*seats] or [first.slot]
    pairs = zip(claims, slots, strict=True)
    ending.controls = controls = [FileControl(claim.run, slot) for claim, slot in pairs]
    for control in controls:
        control.stopping = ending.wanted
    try:
        if others:
            taken = zip(claims, controls, seats, strict=True)
            cohorts.work_together(
                [cohorts.Taken(one.run, one.lock, control, seat) for one, control, seat in taken]
            )
        else:
            work(first.run, controls[0])
    finally:
        ending.controls = ()
        turn.acquire()  # before a slot is free, or the standby takes it
        for claim in claims:
            claim.give_back()
    gc.collect()
    tidy()


def adopt_orphans(store: RunStore) -> None:
    """Queue again what is queued but lost its marker."""
    queue = run_queue(store)
    marked = {*queue.waiting(), *queue.held()}
    for name in store.names():
        folder = store.root / name
        try:
            record = Status.read(folder / "status.json")
        except (OSError, ValueError):
            continue
        old = abs(time.time() - record.changed) > ORPHAN_SECONDS  # the clock may be set back
        lost = record.state == "queued" and name not in marked and old
        if lost and not is_at_work(folder) and not Run(folder).on:
            queue.put(name, environment.written(), turn(store, Run(folder)))


def log_to(path: Path) -> None:
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
