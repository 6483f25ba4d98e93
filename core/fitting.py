"""Whether a run's memory fits, and what to change where it does not. Pure; no torch.

Every number comes from core.estimate: what is offered here fits by the same estimate by which the
run itself was refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from core import memory
from core.config import RunConfig
from core.config.run import divisors
from core.estimate import needed_bytes
from core.language import Message, joined

Fits = Callable[[RunConfig | None], bool]


def changed(config: RunConfig, **changes: Any) -> RunConfig | None:
    """The settings with these of `training` changed; None where they can't stand together."""
    training = {**config.training.model_dump(), **changes}
    try:
        return RunConfig.model_validate({**config.model_dump(), "training": training})
    except ValidationError:
        return None


def fitting(config: RunConfig, vocab: int, room: int, cuda: bool = False) -> list[RunConfig]:
    """Settings near these that need at most `room` bytes: each with one setting changed.

    The fewest parts of the batch that do, recomputed activations, and the largest batch. Where none
    of them is enough alone, recomputed activations with as few parts as that takes.
    """

    def fits(one: RunConfig | None) -> bool:
        return one is not None and needed_bytes(one, vocab, cuda) <= room

    found = [one for one in (_in_parts(config, fits), _again(config, fits)) if one]
    if not found and (again := changed(config, recompute=True)):
        found = [one for one in [_in_parts(again, fits)] if one]
    return [*found, *(one for one in [_smaller(config, fits)] if one)]


def _in_parts(config: RunConfig, fits: Fits) -> RunConfig | None:
    now = config.training
    more = (parts for parts in divisors(now.batch_size) if parts > now.accumulate)
    return next((one for p in more if fits(one := changed(config, accumulate=p))), None)


def _again(config: RunConfig, fits: Fits) -> RunConfig | None:
    one = None if config.training.recompute else changed(config, recompute=True)
    return one if fits(one) else None


def _smaller(config: RunConfig, fits: Fits) -> RunConfig | None:
    """The largest batch that fits, in as many parts as now."""
    parts = config.training.accumulate * config.training.devices
    least, most = 0, config.training.batch_size // parts  # of a part: what fits, what does not
    while most - least > 1:
        middle = (least + most) // 2
        if fits(changed(config, batch_size=middle * parts)):
            least = middle
        else:
            most = middle
    return changed(config, batch_size=least * parts) if least else None


def offers(config: RunConfig, vocab: int, room: int, cuda: bool = False) -> str:
    """The settings that would fit into `room` bytes in words; empty where none would."""
    return joined([_words(config, one) for one in fitting(config, vocab, room, cuda)], " or ")


def advice(config: RunConfig, vocab: int, room: int, cuda: bool = False) -> str:
    """What would fit into `room` bytes, as the end of a sentence."""
    offered = offers(config, vocab, room, cuda)
    if offered:
        return Message("{offered} would fit", offered=offered)
    return Message("no batch of it fits; lower {settings}", settings=_sizes(config))


def _sizes(config: RunConfig) -> str:
    """The settings that make a network smaller."""
    if config.model.family == "resnet":
        return joined(["model.width", "model.blocks_per_stage"], last=" or ")
    names = ["model.depth", "model.width"]
    return joined(names if config.image else ["model.context", *names], last=" or ")


def _words(config: RunConfig, other: RunConfig) -> str:
    """`training.accumulate 4`, `training.recompute true with training.accumulate 2`."""
    before = config.flat()
    told = {name: value for name, value in other.flat().items() if value != before[name]}
    changes = [f"{name} {str(value).lower()}" for name, value in told.items()]
    return joined(changes, " with ")


def shortage(config: RunConfig, vocab: int, cuda: bool = False) -> str:
    """For a run that ran out of memory: what it needs, what is free, and what would take less.

    Where there seems to be enough by now, the estimate was too low or another program had taken it:
    what is offered then takes a fifth less.
    """
    gpu = memory.gpu() if cuda else None
    there = (gpu and gpu.memory) if cuda else memory.ram()
    need = needed_bytes(config, vocab, cuda)
    about = Message("training needs about {size} of memory", size=memory.in_bytes(need))
    if there is not None and need > there.free:
        return Message(
            "{about}, and {free} are free: {advice}",
            about=about,
            free=memory.in_bytes(there.free),
            advice=advice(config, vocab, there.free, cuda),
        )
    offered = offers(config, vocab, need * 4 // 5, cuda)
    if there:
        free = memory.in_bytes(there.free)
        about = Message("{about}, and {free} are free by now", about=about, free=free)
    if offered:
        less = Message("train with {offered}", offered=offered)
    else:
        less = Message("lower {settings}", settings=_sizes(config))
    return Message("{about}: resume it, or {less}", about=about, less=less)
