"""Cores and devices of this machine."""

from __future__ import annotations

import os
from typing import Literal

from core import memory

DeviceKind = Literal["cpu", "cuda"]
CUDA_SLOTS = 2  # a run and its twin, where nothing says how much memory the GPU has


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slots(kind: DeviceKind, need: int = 0) -> int:
    """How many jobs of a kind may work at once, where each needs so many bytes.

    One a core, since small models scale poorly and each job on a GPU keeps a core busy; of those as
    many as the memory holds.
    """
    gpu = memory.gpu() if kind == "cuda" else None
    if kind == "cuda" and gpu is None:
        return CUDA_SLOTS
    there = gpu.memory if gpu else memory.ram()
    if not need or there is None:
        return cores()
    return max(1, min(cores(), there.total // need))
