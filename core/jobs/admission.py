"""Whether a run may start: what it needs of memory against what it can get. Without torch."""

from __future__ import annotations

from core import memory
from core.config import RunConfig
from core.config.fork_point import ForkPoint
from core.durations import vocabulary
from core.estimate import needed_bytes
from core.fitting import advice
from core.jobs.slots import room_for
from core.language import Message, joined
from core.machine import DeviceKind


def device_of(config: RunConfig) -> DeviceKind:
    """Where a run will train, as far as that is known without torch."""
    wish = config.training.device
    return "cuda" if wish == "cuda" or (wish == "auto" and memory.gpu()) else "cpu"


def letters(config: RunConfig, read: bool = True, fork: ForkPoint | None = None) -> int | None:
    """Letters or classes of the corpus; None where it can't be read, which its start will say.

    Without `read` a text of one's own is not opened, and some number of letters assumed. A `fork`
    of a run that reads subwords has as many, whatever its text.
    """
    if fork is not None and fork.subwords:
        return fork.subwords
    # What is known without reading is exact.
    return vocabulary(config, read=read and bool(config.data.path))[0]


def needed(config: RunConfig, kind: DeviceKind, fork: ForkPoint | None = None) -> int:
    """Bytes that training takes; 0 where the corpus can't be read."""
    vocab = letters(config, fork=fork)
    return needed_bytes(placed(config, kind, vocab), vocab, kind == "cuda") if vocab else 0


def placed(config: RunConfig, kind: DeviceKind, vocab: int) -> RunConfig:
    """The settings with `training.sharding auto` decided: fsdp where one device can't have all."""
    if config.training.devices == 1 or config.training.sharding != "auto":
        return config
    ddp, fsdp = (
        config.model_copy(update={"training": config.training.model_copy(update={"sharding": how})})
        for how in ("ddp", "fsdp")
    )
    room = room_for(kind)
    fits = room is None or needed_bytes(ddp, vocab, kind == "cuda") <= room.total
    return ddp if fits else fsdp


def refused(
    config: RunConfig,
    kind: DeviceKind | None = None,
    *,
    waits: bool = True,
    read: bool = True,
    advise: bool = True,
    fork: ForkPoint | None = None,
) -> str:
    """Why a run can't start for want of memory, and what would fit; nothing where it can.

    One that `waits` in the queue may have the memory of the runs at work once they have ended.
    `read` and `fork` as in :func:`letters`; without `advise` it is about what there is alone.
    """
    kind = kind or device_of(config)
    vocab = letters(config, read, fork)
    room = room_for(kind) if vocab else None
    if room is None or not vocab:
        return ""
    cuda = kind == "cuda"
    config = placed(config, kind, vocab)
    need = needed_bytes(config, vocab, cuda)
    if not (there := room.lacks(need, waits)):
        return ""
    sentence = Message(
        "training needs about {size} of memory, and {there}",
        size=memory.in_bytes(need),
        there=there,
    )
    if not advise:
        return sentence
    return joined([sentence, advice(config, vocab, room.most(waits), cuda)], ": ")
