"""How much memory a job could have: beside those at work, once they have ended, and ever.

A job at work says in its entry of the registry how much it needs at most. Right after its start it
holds little of that, so what it still may take is counted as taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from core import memory
from core.language import Message
from core.machine import DeviceKind
from core.memory import in_bytes

# A machine, or the container that this program sees of it.
MACHINE, GPU = Message("here"), Message("on the GPU")


class Entry(NamedTuple):
    """A job at work: the name of its file in the registry says all of it."""

    name: str
    pid: int
    need: int  # bytes, of the GPU or of main memory; 0 where it is not known
    kind: str

    @classmethod
    def of(cls, name: str) -> Entry:
        """`TIME-PID-NEED-KIND`; an older program's has no need."""
        _, pid, *need, kind = name.split("-")
        return cls(name, int(pid), int(need[0]) if need else 0, kind)


class Room(NamedTuple):
    """Bytes for one more job: `total` ever, `alone` once those at work have ended, `beside` now.

    `others` jobs of its kind are at work.
    """

    total: int
    alone: int
    beside: int
    others: int
    where: str = MACHINE

    def lacks(self, need: int, waits: bool) -> str:
        """How much there is, in words, where `need` is more than a job can get; else empty.

        A job that `waits` may have what those at work leave once they have ended.
        """
        whole = in_bytes(self.total)
        if need > self.total:
            return Message("there are {whole} {where}", whole=whole, where=self.where)
        if need > self.alone:
            return Message(
                "{size} of the {whole} {where} are free",
                size=in_bytes(self.alone),
                whole=whole,
                where=self.where,
            )
        if waits or need <= self.beside:
            return ""
        return Message(
            "{size} are left {where} beside the job at work",
            "{size} are left {where} beside the {n} jobs at work",
            size=in_bytes(self.beside),
            where=self.where,
            n=self.others,
        )

    def most(self, waits: bool) -> int:
        """Bytes that a job can get."""
        return min(self.total, self.alone if waits else self.beside)


def holds(kind: DeviceKind, pid: int) -> int:
    """Bytes of the GPU's memory, or of the machine's, that a process has."""
    if kind == "cpu":
        return memory.resident(pid)
    gpu = memory.gpu()
    return gpu.used.get(pid, 0) if gpu else 0


def room(kind: DeviceKind, entries: Iterable[Entry]) -> Room | None:
    """The room for a job of a kind beside these; None where the size of the memory is unknown.

    In a container the processes that hold a GPU's memory may have other numbers than outside:
    then all that is in use counts as that of the jobs at work.
    """
    mine = [entry for entry in entries if entry.kind == kind]
    gpu = memory.gpu() if kind == "cuda" else None
    found = (gpu and gpu.memory) if kind == "cuda" else memory.ram()
    if found is None:
        return None
    used = [holds(kind, entry.pid) for entry in mine]
    if kind == "cuda" and mine and not any(used):
        rest = max(0, found.total - sum(entry.need for entry in mine))
        return Room(found.total, found.total, min(found.free, rest), len(mine), GPU)
    ahead = sum(max(0, one.need - held) for one, held in zip(mine, used, strict=True))
    alone = min(found.total, found.free + sum(used))
    where = MACHINE if kind == "cpu" else GPU
    return Room(found.total, alone, max(0, found.free - ahead), len(mine), where)
