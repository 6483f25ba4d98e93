"""What probes with gradients of their own cost, and by how much a run's were stretched.

Does not import torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from core.config import RunConfig

# When a run's intervals are doubled: shorter runs keep theirs, and so does a machine that was busy
# for a moment.
STEPS, SECONDS, TIMES = 500, 30.0, 4
DOUBLINGS = 3  # at once at most: what costs much more comes back within the budget sooner
NOISE_BATCHES = 4  # that the gradient noise scale reads, forward and backward
EXAMPLES = 16  # of the batch, whose loss the Hessian is of
PRODUCTS = 20  # of the Hessian with a vector at most, of which one is
BACKWARDS = 2.5  # backward passes, two to three by the network, each
BACKWARD = 2 / 3  # of a step

FIELD = "probe_stretch"  # of the note that says so: the factor of all intervals from its step on


def stretched(events: Iterable[Mapping[str, Any]], before: int | None = None) -> int:
    """The largest factor of the probes' intervals, of notes before a step where one is given.

    1 where they were never stretched, and where a note holds no such factor.
    """
    factor = 1
    for event in events:
        found = event.get(FIELD)
        if isinstance(found, int) and found > factor and (before is None or event["step"] < before):
            factor = found
    return factor


def instrument_steps(config: RunConfig, first: int = 0, seconds: float = 0.0) -> float:
    """What the gradient noise scale and the Hessian cost a run from step `first` on, in steps.

    `seconds` are those of a step. As `probes.budget` would have it, intervals are doubled behind
    what it is judged over.
    """
    probes, last = config.probes, config.training.steps
    part = min(EXAMPLES / config.training.batch_size, 1.0)
    costs = [(probes.noise_every, NOISE_BATCHES), (probes.hessian_every, _hessian(part))]
    due = [(every, cost) for every, cost in costs if every and probes.every]
    if not due:
        return 0.0
    total, factor, begin = 0.0, 1, first
    while begin < last:
        share = sum(cost / (every * factor) for every, cost in due)
        over = share / (probes.budget / 100) if probes.budget else 0.0
        judged = max(STEPS, SECONDS / (seconds * (1 + share))) if seconds else STEPS
        judged = max(judged, TIMES * factor * min(every for every, _ in due))
        end = min(last, begin + math.ceil(judged)) if over > 1 else last
        for every, cost in due:
            interval = every * factor
            total += cost * (math.ceil(end / interval) - math.ceil(begin / interval))
        if over > 1:
            factor *= 2 ** min(math.ceil(math.log2(over)), DOUBLINGS)
        begin = end
    return total


def _hessian(part: float) -> float:
    """Steps of one measurement on that part of a batch: a step's passes, then the products."""
    return part * (1 + PRODUCTS * BACKWARDS * BACKWARD)
