"""Facts of a run that its last start wrote down."""

from __future__ import annotations

from core.language import Message
from core.runs import Run

HOW = {"ddp": "DDP", "fsdp": "FSDP"}  # by what an event says of how a network is shared


def together(run: Run) -> str:
    """How many processes train a run together, and how: `2 processes, DDP`; "" of a single one."""
    ranks = run.record.ranks
    if ranks < 2:
        return ""
    how = next((e.get("sharding") for e in reversed(run.events) if e["kind"] == "ranks"), None)
    if how not in HOW:
        return Message("{n} process", "{n} processes", n=ranks)
    return Message("{n} process, {how}", "{n} processes, {how}", n=ranks, how=HOW[how])
