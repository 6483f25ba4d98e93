"""All that is measured on a trace of the probe text: one row for each probe."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from core.probes.activations import statistics
from core.probes.depth import profiles

Trace = dict[str, Tensor]

# Each takes the observables of one forward pass by name, and returns metrics by name: a number, or
# one number a layer (L,). What a network lacks is left out.
PROBES: tuple[Callable[[Trace], dict[str, Tensor]], ...] = (statistics, profiles)


def measure(trace: Trace) -> dict[str, Tensor]:
    """Every metric of all probes."""
    return {name: value for probe in PROBES for name, value in probe(trace).items()}
