"""Cores and devices of this machine."""

from __future__ import annotations

import os
from typing import Literal

DeviceKind = Literal["cpu", "cuda"]
CUDA_SLOTS = 2  # a run and its twin; more would only fight for the GPU's memory


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slots(kind: DeviceKind) -> int:
    """How many jobs of a kind may work at once: one a core, since small models scale poorly."""
    return CUDA_SLOTS if kind == "cuda" else cores()
