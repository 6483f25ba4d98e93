"""Several processes for one run: who they are, how they begin, and that none outlives the others.

Rank 0 is the process that trains the run in any case, a worker or the command line. It starts the
others itself, or `torchrun` has started all of them. What they do is :mod:`core.training.leading`
and :mod:`core.training.following`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from core.config import RunConfig, explain
from core.jobs import admission
from core.jobs.processes import HOME, worker_environment
from core.language import Message
from core.runs import Run, RunError
from core.training.devices import choose_device
from core.training.preparing import StoppedEarlyError
from core.training.seats import Seat, seat
from core.training.team import Team

if TYPE_CHECKING:  # torch's processes take a second to read, and most runs are one
    from core.training.ranks import Ranks
    from core.training.sharding import How

HERE = "127.0.0.1"
MEET_SECONDS = 300.0  # in which a process that was started has to be there: it reads torch
END_SECONDS = 10.0  # between a run's end and that of the others
INTERFACE = "GLOO_SOCKET_IFNAME"  # over which gloo talks
DIE_WITH_PARENT = 1  # Linux's PR_SET_PDEATHSIG


def over(config: RunConfig, devices: int, sharding: str = "") -> RunConfig:
    """The settings with another number of devices, and another sharding where one is named.

    Raises RunError where they can't have it.
    """
    changed = {"training.devices": devices, "training.sharding": sharding}
    changed = {name: value for name, value in changed.items() if value}
    try:
        return RunConfig.from_flat({**config.flat(), **changed}, config.name)
    except ValidationError as error:
        raise RunError(explain(error)) from error


@contextlib.contextmanager
def team_of(run: Run, devices: int | None = None) -> Iterator[Team]:
    """Who trains a run: this process alone, or with as many more as torchrun, else `devices`, else
    its settings say.

    What is raised within it because another rank failed is raised as that one's own sentence.
    """
    place = seat()
    world = place.world if place else devices or run.config.training.devices
    if world == 1:
        yield Team()
        return
    from core.training.leading import Leader
    from core.training.ranks import Ranks

    config = over(run.config, world) if place is None else None
    others = Others(world) if place is None else None
    gone = others.gone if others else lambda: ""
    ranks: Ranks | None = None
    failed = False
    try:
        if others:
            ranks = Ranks(Seat(0, world, 0, world), others.store, others.look)
        else:
            assert place is not None
            ranks = Ranks(place)  # before anything is refused, so that the others are told
        leader = Leader(ranks, _how(run, config or over(run.config, world)))
        with ranks.watched(gone):
            try:
                yield leader
            except StoppedEarlyError:  # the others wait for their first order
                leader.end()
                raise
            leader.end()
    except BaseException as error:
        failed = True
        if ranks is None:
            raise
        explained = ranks.explained(error, gone)
        ranks.fail(explained)
        if explained is error:
            raise
        raise explained from error
    finally:
        if ranks:
            ranks.leave(failed)
        if others:
            others.end(at_once=failed)


def dismiss() -> None:
    """Rank 0 under torchrun, with nothing to train: let the others go."""
    place = seat()
    if place is not None:
        from core.training.ranks import Ranks, Verb

        ranks = Ranks(place)
        ranks.say(Verb.END)
        ranks.leave()


def _how(run: Run, config: RunConfig) -> How:
    kind = choose_device(config).type
    vocab = admission.letters(config, fork=run.fork) or 1
    settled = admission.placed(config, "cuda" if kind == "cuda" else "cpu", vocab)
    if settled.training.sharding == "ddp":
        return "ddp"
    over(config, config.training.devices, "fsdp")  # which can less than what auto stands for
    return "fsdp"


class Others:
    """The processes that rank 0 starts on this machine: all ranks but itself."""

    def __init__(self, world: int) -> None:
        from torch.distributed import TCPStore  # type: ignore[attr-defined]

        # A socket of our own: the store's would answer every machine of the network.
        own = socket.create_server((HERE, 0))
        port = own.getsockname()[1]
        patience = timedelta(seconds=MEET_SECONDS)
        self.store = TCPStore(
            HERE,
            port,
            is_master=True,
            timeout=patience,
            wait_for_workers=False,
            master_listen_fd=own.detach(),
        )
        self._ended, self._began = False, time.monotonic()
        # gloo takes the address that the machine's name stands for, which others may reach.
        self._named = sys.platform != "linux" or INTERFACE in os.environ
        if not self._named:
            os.environ[INTERFACE] = "lo"
        path = os.pathsep.join(filter(None, [str(HOME), os.environ.get("PYTHONPATH", "")]))
        common = {
            **worker_environment(),
            "PYTHONPATH": path,
            "WORLD_SIZE": str(world),
            "LOCAL_WORLD_SIZE": str(world),
            "MASTER_ADDR": HERE,
            "MASTER_PORT": str(port),
        }
        self._processes = {
            rank: subprocess.Popen(
                [sys.executable, "-m", "core.jobs.follower", str(os.getpid())],
                env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            for rank in range(1, world)
        }

    def look(self) -> None:
        """While they are waited for. Raises RunError where one has ended, or takes too long."""
        if sentence := self.gone():
            raise RunError(sentence)
        if time.monotonic() - self._began > MEET_SECONDS:
            raise RunError(
                Message(
                    "the processes that train it together did not begin within {n:.0f} s;"
                    " resume it when the machine is less busy",
                    n=MEET_SECONDS,
                )
            )

    def gone(self) -> str:
        """Which of them ended, and how; empty where none has."""
        for rank, process in self._processes.items():
            code = process.poll()
            if code is None or self._ended:
                continue
            if code < 0:
                return Message(
                    "process {rank} of those that train it was killed (signal {signal}); resume"
                    " goes on from the last checkpoint",
                    rank=rank,
                    signal=-code,
                )
            return Message(
                "process {rank} of those that train it ended (status {code}, see log.txt); resume"
                " goes on from the last checkpoint",
                rank=rank,
                code=code,
            )
        return ""

    def end(self, at_once: bool = False) -> None:
        """See to it that none is left."""
        self._ended = True
        if not self._named:
            os.environ.pop(INTERFACE, None)
        deadline = time.monotonic() + (0.0 if at_once else END_SECONDS)
        for process in self._processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def end_with(parent: int) -> None:
    """Have the kernel end this process when the one that started it is gone, where it can."""
    with contextlib.suppress(OSError, AttributeError):  # another system's library
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, 9)
    if os.getppid() != parent:
        sys.exit(1)
