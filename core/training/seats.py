"""Where a process sits among those that train one model together. Without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from core.language import Message
from core.runs import RunError


@dataclass(frozen=True)
class Seat:
    """A process's place among the ranks; `local` counts those of its machine, of `beside`."""

    rank: int
    world: int
    local: int
    beside: int


def seat(environment: Mapping[str, str] = os.environ) -> Seat | None:
    """Where `torchrun`, or whoever speaks its language, put this process; None where it is alone.

    Raises RunError where the variables make no sense.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    if not all(name in environment for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR")):
        return None
    defaults = {"LOCAL_RANK": environment["RANK"], "LOCAL_WORLD_SIZE": environment["WORLD_SIZE"]}
    try:
        rank, world, local, beside = (
            int(environment.get(name) or defaults.get(name, "")) for name in names
        )
    except ValueError as error:
        raise RunError(
            Message(
                "{names}: each has to be a whole number; start it with torchrun, or without these"
                " variables",
                names=", ".join(names),
            )
        ) from error
    return Seat(rank, world, local, beside) if world > 1 else None


def launch(environment: Mapping[str, str] = os.environ) -> str:
    """Which call of torchrun started this process, the same after it restarted the ranks; empty
    where none did."""
    if seat(environment) is None or "TORCHELASTIC_RUN_ID" not in environment:
        return ""
    name = environment["TORCHELASTIC_RUN_ID"]
    if environment.get("GROUP_WORLD_SIZE", "1") != "1":
        return f"{name} of {environment['GROUP_WORLD_SIZE']} machines"
    parent = os.getppid()  # torchrun; its number repeats, with another time of its start
    try:
        with open(f"/proc/{parent}/stat", encoding="utf-8", errors="replace") as file:
            began = file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        began = ""
    return f"{name} {parent} {began}".strip()
