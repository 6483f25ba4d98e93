"""The processes that train one model together, and how rank 0 has the others do what takes all.

Rank 0 alone decides: it has the run's directory, its commands, its log and its clock. Before each
thing that takes all ranks it says which; the others do that one thing and listen again. So all take
the same decision at the same step, and nobody but rank 0 writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, auto
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from core.language import Message, said, told
from core.runs import RunError
from core.training.devices import is_out_of_memory
from core.training.seats import Seat

# Of one collective. Rank 0 says something at least every minute of a pause (`leading.py`); a
# corpus may be prepared for hours meanwhile.
PATIENCE = timedelta(days=1)
GRACE_SECONDS = 2.0  # in which a rank that failed says why, once another has lost it
LOOK_SECONDS = 0.5  # between two looks at whether a rank has failed
MEETING_SECONDS = 0.02  # between two looks at who is there
NUMBERS = 2  # that go with each order
FAILED = "failed"  # the key of the store under which the first rank to fail says why
# What gloo, NCCL and the store say when a process at the other end is gone.
LOST = re.compile(r"gloo|nccl|connection (closed|reset|refused)|broken pipe|c10d|socket", re.I)


class Verb(IntEnum):
    """What all ranks do now."""

    SPREAD = auto()  # take a network and its optimizer from rank 0
    BACKWARD = auto()  # numbers: step, threads
    UPDATE = auto()  # numbers: learning rate, whether a divisor of the gradients follows
    REMEMBER = auto()  # parameters, before an update that is measured
    MEASURE = auto()  # how far they moved
    FORWARD = auto()  # body: inputs that rank 0 passes through the network
    GATHER = auto()  # a checkpoint's tensors, one by one
    NOTHING = auto()  # rank 0 is paused
    END = auto()


@dataclass(frozen=True)
class Order:
    """What rank 0 said."""

    verb: Verb
    numbers: tuple[float, ...]
    body: bytes


# torchrun keeps its store when it starts ranks again, with all that the dead ones left there. So
# those that are alive agree on a name of their own: each says hello with a word that nobody else
# has, rank 0 answers every word with its own, and goes on once all have repeated that.


def _gathered(seat: Seat, store: Store, look: Callable[[], None]) -> str:
    """Rank 0: the name, once all others know it."""
    name, missing = uuid.uuid4().hex, set(range(1, seat.world))
    parent = os.getppid()
    while missing:
        look()
        _not_left_alone(parent)
        for rank in sorted(missing):
            if store.check([f"hello/{rank}"]):
                store.set(f"welcome/{store.get(f'hello/{rank}').decode()}", name)
            if store.check([f"{name}/knows/{rank}"]):
                missing.remove(rank)
        time.sleep(MEETING_SECONDS if missing else 0.0)
    return name


def _joined(seat: Seat, store: Store) -> str:
    """Another rank: the name that rank 0 gave."""
    word = uuid.uuid4().hex
    store.set(f"hello/{seat.rank}", word)
    parent = os.getppid()
    while not store.check([f"welcome/{word}"]):
        _not_left_alone(parent)
        time.sleep(MEETING_SECONDS)
    name = str(store.get(f"welcome/{word}").decode())
    store.set(f"{name}/knows/{seat.rank}", "yes")
    return name


def _not_left_alone(parent: int) -> None:
    """Raises RunError once the process that started this one and the others is gone."""
    if os.getppid() != parent:
        raise RunError(
            Message(
                "the program that started the processes ended before all were there; start it again"
            )
        )


def is_lost(error: BaseException) -> bool:
    """Whether a process at the other end of a connection is gone."""
    return isinstance(error, RuntimeError) and bool(LOST.search(str(error)))


class LostRankError(RunError):
    """Another rank is gone, and did not say why."""


class Ranks:
    """This process's end of the group: orders from rank 0, sums over all."""

    def __init__(
        self,
        seat: Seat,
        store: Store | None = None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        """Meets the others at the `store`, or where the environment says, and waits for all.

        Rank 0 calls `look` meanwhile, which raises where somebody will not come.
        """
        self.seat = seat
        if not dist.is_available():
            raise RunError(
                Message(
                    "this build of PyTorch knows no other processes; accepted: training.devices 1"
                )
            )
        if store is None:
            store, _, _ = next(iter(rendezvous("env://", timeout=PATIENCE)))
        name = _gathered(seat, store, look) if seat.rank == 0 else _joined(seat, store)
        cuda = torch.cuda.is_available() and dist.is_nccl_available()
        # What is said goes over the processor; a GPU never waits for it.
        self.backend = "nccl" if cuda else "gloo"
        self._store = PrefixStore(f"{name}/addnorm", store)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if cuda else "gloo",
            store=PrefixStore(f"{name}/ranks", store),
            rank=seat.rank,
            world_size=seat.world,
            timeout=PATIENCE,
        )

    @property
    def rank(self) -> int:
        """This process's number, 0 for the one that decides."""
        return self.seat.rank

    @property
    def world(self) -> int:
        """How many there are."""
        return self.seat.world

    def say(self, verb: Verb, *numbers: float, body: bytes = b"") -> None:
        """Rank 0: have the others do something."""
        padded = [*numbers, *[0.0] * (NUMBERS - len(numbers))]
        dist.broadcast(torch.tensor([verb, *padded, len(body)], dtype=torch.float64), 0)
        if body:
            dist.broadcast(torch.frombuffer(bytearray(body), dtype=torch.uint8), 0)

    def hear(self) -> Order:
        """Another rank: wait for what rank 0 says next."""
        head = torch.empty(NUMBERS + 2, dtype=torch.float64)
        dist.broadcast(head, 0)
        verb, *numbers, size = head.tolist()
        body = torch.empty(int(size), dtype=torch.uint8)
        if size:
            dist.broadcast(body, 0)
        return Order(Verb(int(verb)), tuple(numbers), body.numpy().tobytes())

    def from_first(self, tensor: Tensor) -> Tensor:
        """Rank 0's numbers in everybody's tensor."""
        dist.broadcast(tensor, 0)
        return tensor

    def summed(self, tensor: Tensor) -> Tensor:
        """The sum over all ranks, on each of them; the tensor itself is changed."""
        dist.all_reduce(tensor)
        return tensor

    def each(self, tensor: Tensor) -> list[Tensor]:
        """Everybody's tensor of this shape, in the order of the ranks."""
        parts = [torch.empty_like(tensor) for _ in range(self.world)]
        dist.all_gather(parts, tensor)
        return parts

    def fail(self, error: BaseException) -> None:
        """Say why this rank can't go on; the first one that says something is heard."""
        memory = isinstance(error, Exception) and is_out_of_memory(error)
        told_by = told(error).splitlines()[0] if told(error) else type(error).__name__
        why = told(error) if isinstance(error, ValueError) else told_by
        kept = json.dumps({"rank": self.rank, "memory": memory, "text": why, **said(why)})
        with contextlib.suppress(Exception):  # the store's process may be gone
            self._store.compare_set(FAILED, "", kept)

    def failure(self, wait: float = 0.0) -> dict[str, Any] | None:
        """What the first rank that failed said, if one does within so many seconds."""
        deadline = time.monotonic() + wait
        with contextlib.suppress(Exception):  # as above
            while True:
                if self._store.check([FAILED]):
                    found: dict[str, Any] = json.loads(self._store.get(FAILED))
                    return found
                if time.monotonic() >= deadline:
                    return None
                time.sleep(0.05)
        return None

    def explained(
        self, error: BaseException, gone: Callable[[], str] = lambda: ""
    ) -> BaseException:
        """An error of this rank, or, where it came from losing another one, that one's.

        `gone` may know which process ended without a word.
        """
        lost = is_lost(error)
        said_so = self.failure(GRACE_SECONDS if lost else 0.0)
        if said_so is not None and said_so.get("rank") != self.rank:
            if said_so.get("memory"):
                return MemoryError(said_so["text"])
            why = Message.restored(said_so.get("said"), str(said_so["text"]))
            return RunError(Message("rank {n}: {why}", n=said_so["rank"], why=why))
        if lost:
            return LostRankError(
                gone()
                or Message(
                    "one of the {n} processes that train it was lost: killed, or its machine went"
                    " away; resume goes on from the last checkpoint",
                    n=self.world,
                )
            )
        return error

    @contextlib.contextmanager
    def watched(self, gone: Callable[[], str] = lambda: "") -> Iterator[None]:
        """Within it nobody waits on a GPU for a rank that failed, or that is `gone`."""
        if self.backend == "gloo":  # there a closed connection is an error by itself
            yield
            return
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_SECONDS):
                if gone() or self.failure() is not None:
                    self._abort()
                    return

        thread = threading.Thread(target=watch, name="ranks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _abort(self) -> None:
        """Have who waits on this GPU for another rank wait no longer."""
        with contextlib.suppress(Exception):
            from torch.distributed.distributed_c10d import _abort_process_group

            _abort_process_group()

    def leave(self, failed: bool = False) -> None:
        """Close the connections; whoever still waits for this rank is told by that."""
        if failed and self.backend != "gloo":
            self._abort()  # closing would wait for what is under way
        with contextlib.suppress(Exception):
            dist.destroy_process_group()
