"""The kinds `landscape1d` and `landscape2d`: the loss around a checkpoint.

Li et al. 2018 (arXiv 1712.09913): L(θ + a d₁ (+ b d₂)) with random Gaussian directions, every row
of a matrix scaled to the length of the row of θ that it changes, everything of one dimension
(biases, gains) left alone. L is the mean cross-entropy in nats over fixed held-out windows.

Directions are drawn by (seed, name of the tensor), so that equal networks share them. One
evaluation is measured and the finest grid that fits the time is taken, coarse to fine: each
finished level is one object of the stream with all keys of the result, which the last one equals.

arrays
    ``loss`` (runs, n) or (runs, n, n) float64, not finite as it came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.loss_grid import (
    FINEST,
    Grid,
    HeldOutLoss,
    Moved,
    affordable,
    measure,
    on_one_scale,
    random_direction,
    seconds_each,
    sentence,
    told,
)
from core.language import Message, said


def landscape1d(
    checkpoint: LoadedCheckpoint, asked: parameters.Landscape, report: Report
) -> Answer[results.Landscape1d]:
    """The loss along one random direction; the module's docstring says what is found."""
    return _landscape(checkpoint, asked, report, 1)


def landscape2d(
    checkpoint: LoadedCheckpoint, asked: parameters.Landscape, report: Report
) -> Answer[results.Landscape2d]:
    """The loss over two random directions; the module's docstring says what is found."""
    return _landscape(checkpoint, asked, report, 2)


@torch.no_grad()
def _landscape(
    checkpoint: LoadedCheckpoint, asked: parameters.Landscape, report: Report, dimensions: int
) -> Answer[Any]:
    checkpoints = [checkpoint, *(checkpoint.other(named) for named in asked.others)]
    report(0.0, Message("measures the loss at the checkpoint"))
    losses = [HeldOutLoss(one) for one in checkpoints]
    centres = [loss(one.model) for loss, one in zip(losses, checkpoints, strict=True)]
    pairs = zip(losses, checkpoints, strict=True)
    evaluations = [_around(loss, one, asked.seed, dimensions) for loss, one in pairs]
    middle = (0.0,) * dimensions
    each = max(seconds_each(lambda e=e: e(*middle)) for e in evaluations)  # type: ignore[misc]
    seconds, chosen = asked.seconds, asked.points
    if chosen and (chosen % 2 == 0 or chosen > FINEST[dimensions]):
        raise ValueError(
            Message(
                "points: {chosen} is not odd or more than {dimensions}",
                chosen=chosen,
                dimensions=FINEST[dimensions],
            )
        )
    points = chosen or affordable(each, seconds, dimensions, len(checkpoints))
    axis = np.linspace(-asked.radius, asked.radius, points)
    axis[points // 2] = 0.0  # to the last bit
    runs = [
        {"run": one.run.id, "name": one.run.name, "step": one.step, "centre": centre}
        for one, centre in zip(checkpoints, centres, strict=True)
    ]
    result: dict[str, Any] = {}
    found: list[Grid] = []
    limit = None if chosen else seconds
    for stride, whole, count in measure(evaluations, [axis] * dimensions, limit, report):
        found = [grid[(slice(None, None, stride),) * dimensions] for grid in whole]
        parts = [told(grid) for grid in found]
        missing = sum(part["not_finite"] for part in parts)
        size = len(found[0])
        finest = bool(chosen) or size == FINEST[dimensions]
        tokens = losses[0].predictions
        words = sentence(size, dimensions, tokens, seconds, finest, missing)
        result = {
            **{name: axis[::stride].tolist() for name in ("a", "b")[:dimensions]},
            "runs": [{**run, **part} for run, part in zip(runs, parts, strict=True)],
            **on_one_scale(found),
            "points": size,
            "evaluations": count,
            "seconds_each": each,
            "tokens": tokens,
            "radius": asked.radius,
            "sentence": words,
            "said": said(words).get("said"),
        }
        report.emit(result)
    return Answer(result, {"loss": np.stack(found)})


def _around(
    loss: HeldOutLoss, checkpoint: LoadedCheckpoint, seed: int, dimensions: int
) -> Callable[..., float]:
    """The loss of a checkpoint as a function of its coordinates in random directions."""
    directions = [random_direction(checkpoint.model, seed, which) for which in range(dimensions)]
    moved = Moved(checkpoint, directions)
    return lambda *amounts: loss(moved.to(*amounts))
