"""One run on a Ray cluster, followed from here: a thread of :mod:`core.jobs.ray_driver`.

It holds the run's lock for as long as it follows, and its lease says where the run is. Where the
node sees the runs folder the run trains in its directory; else in a copy there, from which this
thread fetches what is new every second and to which it brings commands. When a node is lost the run
goes on from its last checkpoint on another one.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

from core.files import read_bytes, read_tail
from core.jobs import elsewhere, fetched
from core.jobs.processes import WAITING
from core.jobs.ray import (
    SETUP_SECONDS,
    ActorUnavailableError,
    Cluster,
    GetTimeoutError,
    Needs,
    RayActorError,
    RayError,
    RayTaskError,
    program,
    ray,
)
from core.language import Message
from core.marker_queue import MarkerQueue
from core.runs import Run, RunError, RunStore, Status, lease
from core.runs.locks import Lock
from core.runs.status import NEEDS_WORKER, Order, goes_on, receive

LOOK_SECONDS = 1.0  # between two looks at a run; a flush of its metrics takes as long
CALL_SECONDS = 30.0  # that an answer may take
SAY_SECONDS = 5.0
START_SECONDS = 60.0  # that a process may take to start where there is a place for it
MOST_UNPLACED = 30  # tries to begin it, a second apart at least
MOST_LOST = 5  # nodes that one run may lose without a new checkpoint


class LostError(Exception):
    """The node of a run has gone."""


class Following(threading.Thread):
    """Follows one run to its end on the cluster. `placing` while it has no place there."""

    def __init__(
        self, store: RunStore, run: Run, lock: Lock, cluster: Cluster, wanted: Mapping[str, str]
    ) -> None:
        super().__init__(name=run.id, daemon=True)
        self.store, self.at, self.cluster = store, run, cluster
        self._lock, self._wanted = lock, dict(wanted)
        self.placing, self.broken = True, False
        self._host = ""
        self._orders: list[Order] = []  # commands that have to reach its copy

    def run(self) -> None:
        """Until the run has ended. `broken` where the cluster can't be spoken to any more."""
        ended = False
        try:
            ended = self._followed()
        except RayTaskError as error:  # what the node could not do, as on a full disk
            logging.warning("run %s: %s", self.at.id, error)
            with contextlib.suppress(OSError, RunError):
                self._write("failed", Message("{host} can't train it: {why}",
                            host=self._host, why=str(error).strip().splitlines()[-1]))  # fmt: skip
            if actor := self.cluster.found(self.at.id):
                self.cluster.kill(actor)
            ended = True
        except (RayError, ConnectionError, TimeoutError, RuntimeError) as error:
            logging.warning("run %s: the cluster is out of reach: %s", self.at.id, error)
            self.broken = True
        except Exception as error:
            logging.exception("run %s", self.at.id)
            with contextlib.suppress(OSError, RunError):
                self._write("failed", Message("it can't be followed on {address}: {why}",
                            address=self.cluster.address, why=str(error)))  # fmt: skip
            ended = True
        finally:
            self.placing = False
            if ended:
                self._end()
            self._lock.release()

    def _followed(self) -> bool:
        lost, unplaced, reached = 0, 0, self.at.resumes_at
        while True:
            try:
                return self._once()
            except LostError as error:
                if self._is_over():
                    return True
                if words := elsewhere.silence(self.cluster.address):
                    self._write("queued", words)
                    raise ConnectionError(words) from error
                if not self._host:  # its last actor is not forgotten yet, or it can't begin at all
                    unplaced += 1
                    if unplaced >= MOST_UNPLACED:
                        words = Message(
                            "no machine of {address} could begin it: {why}",
                            address=self.cluster.address,
                            why=str(error.__cause__).strip().splitlines()[-1],
                        )
                        self._write("failed", words)
                        return True
                    time.sleep(LOOK_SECONDS)
                    continue
                with contextlib.suppress(OSError):
                    self.at.add_event("node_lost", self.at.record.step, host=self._host)
                lost = 1 if self.at.resumes_at != reached else lost + 1
                reached = self.at.resumes_at
                on = goes_on(reached, self.at.record.step)
                if lost >= MOST_LOST:
                    words = Message(
                        "{n} machines of the cluster were lost with it, {host} the last; resumed,"
                        " it {goes_on}",
                        n=lost,
                        host=self._host,
                        goes_on=on,
                    )
                    self._write("interrupted", words)
                    return True
                words = Message("{host} was lost; it {goes_on} on another machine",
                                host=self._host, goes_on=on)  # fmt: skip
                logging.info("run %s: %s", self.at.id, words)
                self._write("queued", words)
                self._host, unplaced = "", 0

    def _once(self) -> bool:
        """Have it trained by one actor; whether it has ended. Raises LostError."""
        if self._is_over() and self.cluster.found(self.at.id) is None:
            return True
        needs = self.cluster.needs(self.at.config, self.at.fork)
        starts = time.monotonic() if self.cluster.has_free(needs) else -START_SECONDS
        actor = self.cluster.trainer(self.at.id, needs)
        nonce = elsewhere.nonce(self.store, self.cluster.address)
        hello = actor.hello.remote(str(nonce), read_bytes(nonce).decode())
        self.placing, said = True, 0.0
        known = lease.read(self.at.path)
        token = known.token if known else secrets.token_hex(8)
        if known is None:
            lease.write(self.at.path, lease.Lease(self.cluster.address, "", token))
        while not (answer := self._ready(hello)):
            lease.renew(self.at.path)
            if self._taken_back():
                self.cluster.kill(actor)
                return True
            if time.monotonic() - said > SAY_SECONDS:
                said = time.monotonic()
                self._write_waiting(self.cluster.lacks(needs) or self._waits(needs, starts))
        self.placing, self._host = False, str(answer["host"])
        if answer["begun"]:
            if answer["copied"]:
                self._call(actor.known, fetched.manifest(self.at))
        else:
            token = secrets.token_hex(8)
            self._begin(actor, bool(answer["sees"]), token, needs.threads)
            answer["copied"] = not answer["sees"]
        lease.write(self.at.path, lease.Lease(self.cluster.address, self._host, token))
        return self._to_the_end(actor, bool(answer["copied"]))

    def _waits(self, needs: Needs, starts: float) -> str:
        """What it waits for, which had a place at `starts`: its own process holds that since."""
        where = elsewhere.named(self.cluster.address)
        if time.monotonic() - starts < START_SECONDS or self.cluster.has_free(needs):
            return Message("its process starts on {cluster}", cluster=where)
        return Message("it waits until {needs} are free on {cluster}",
                       needs=needs.words, cluster=where)  # fmt: skip

    def _begin(self, actor: Any, shared: bool, token: str, threads: int) -> None:
        code, archive = program()
        if not self._call(actor.has, code, seconds=SETUP_SECONDS):
            self._call(actor.bring, code, archive, seconds=SETUP_SECONDS)
        lease.write(self.at.path, lease.Lease(self.cluster.address, self._host, token))
        if not shared:
            self._call(actor.keep, self.at.id)
            for name in fetched.wanted(self.at):
                for at, data in fetched.pieces(self.at, name):
                    self._call(actor.put, name, data, at, seconds=SETUP_SECONDS)
        folder = str(self.at.path) if shared else ""
        self._call(actor.begin, code, folder, threads, token, {**WAITING, **self._wanted})

    def _to_the_end(self, actor: Any, copied: bool) -> bool:
        while True:
            if copied:
                self._bring_commands(actor)
            found = self._call(actor.look)
            lease.renew(self.at.path)
            try:
                fetched.take(self.at, found["files"], found["gone"])
            except fetched.MissingPieceError:
                self._call(actor.known, fetched.manifest(self.at), seconds=SETUP_SECONDS)
                continue
            if found["more"]:
                continue
            if found["code"] is not None:
                break
            time.sleep(LOOK_SECONDS)
        if not self._is_over():
            self._say_how_it_ended(int(found["code"]))
        with contextlib.suppress(LostError):
            self._call(actor.end)
        self.cluster.kill(actor)
        return True

    def _say_how_it_ended(self, code: int) -> None:
        """A process that has gone without a last state."""
        step = self.at.record.step
        last = read_tail(self.at.path / fetched.LOG, 2000).decode(errors="replace").strip()
        line = last.splitlines()[-1] if last else ""
        if code < 0:
            words = Message(
                "its process on {host} was ended by signal {n}, mostly for want of memory; resumed,"
                " it {goes_on}",
                host=self._host,
                n=-code,
                goes_on=goes_on(self.at.resumes_at, step),
            )
            self._write("interrupted", words)
            return
        words = Message(
            "its process on {host} ended with status {code}: {line}; the nodes need the packages of"
            " requirements.txt",
            host=self._host,
            code=code,
            line=line,
        )
        self._write("failed", words)

    # Speaking with the actor

    def _ready(self, ref: Any) -> dict[str, Any] | None:
        """The answer of the actor once it has a place; waits a moment for it."""
        done, _ = ray.wait([ref], timeout=LOOK_SECONDS / 2)
        return dict(self._got(ref, CALL_SECONDS)) if done else None

    def _call(self, method: Any, *arguments: Any, seconds: float = CALL_SECONDS) -> Any:
        return self._got(method.remote(*arguments), seconds)

    def _got(self, ref: Any, seconds: float) -> Any:
        """An answer. Raises LostError where the node has gone; what is only out of reach for a
        while is waited for, and not renewed."""
        while True:
            try:
                return ray.get(ref, timeout=seconds)
            except ActorUnavailableError as error:
                raise LostError from error
            except GetTimeoutError:
                logging.warning("run %s: nothing is heard of %s", self.at.id, self._host)
            except RayActorError as error:
                raise LostError from error

    def _bring_commands(self, actor: Any) -> None:
        self._orders += receive(self.at.path / "control")
        while self._orders:  # one that a lost node did not get is for the next
            order = self._orders[0]
            self._call(actor.send, f"{time.time_ns():020d}-{order.command}", order.text)
            self._orders.pop(0)

    def _taken_back(self) -> bool:
        """Whether it is to stop before it has a place; other commands wait until it has one."""
        control = MarkerQueue(self.at.path / "control", "-")
        known = [order.command for order in self._orders]
        if "stop" not in (*known, *control.waiting()):
            return False
        control.take_all()
        self._write("stopped", "")
        return True

    # What the run's directory says

    def _is_over(self) -> bool:
        return self.at.status not in ("queued", *NEEDS_WORKER)

    def _write(self, state: Any, message: str) -> None:
        known = self.at.record
        self.at.write_status(
            Status(state=state, step=known.step, steps=known.steps, message=message)
        )

    def _write_waiting(self, words: str) -> None:
        known = self.at.record
        if known.state == "queued" and known.message != words:
            self._write("queued", words)

    def _end(self) -> None:
        lease.end(self.at.path)
        elsewhere.forget(self.store, self.at.id, self.cluster.address)
