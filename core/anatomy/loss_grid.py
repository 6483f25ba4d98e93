"""A loss on a grid: measured from coarse to fine, within a time budget."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.anatomy import Report
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.language import Message, joined
from core.training.objectives import task_of

PREDICTIONS = 2048  # in one loss: its standard error is near 0.03 nats, the same at all points
FEWEST = 5  # points along an axis
FINEST = {1: 257, 2: 65}

Grid = NDArray[np.float64]  # (n,) or, row by row of b, (n, n)


class HeldOutLoss:
    """A network's mean cross-entropy in nats on a part of its evaluation, always the same."""

    def __init__(self, checkpoint: LoadedCheckpoint) -> None:
        checkpoint.corpus  # noqa: B018 - raises where it is another one here
        self.task = task_of(checkpoint.config)
        inputs, targets = self.task.evaluation
        each = max(1, targets[0].numel())
        count = min(len(inputs), max(1, PREDICTIONS // each))
        chosen = torch.linspace(0, len(inputs) - 1, count).long()
        self.task.evaluation = inputs[chosen], targets[chosen]
        self.task.to(checkpoint.device)
        self.predictions = count * each

    def __call__(self, model: nn.Module) -> float:
        return self.task.evaluate(model)["loss/validation"]


class Moved:
    """A copy of a checkpoint whose weights are θ + Σ c_k d_k."""

    def __init__(self, checkpoint: LoadedCheckpoint, directions: list[dict[str, Tensor]]) -> None:
        self.model = checkpoint.copy()
        self.origin = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.directions = directions

    @torch.no_grad()
    def to(self, *amounts: float) -> nn.Module:
        """The network at these coordinates."""
        for name, parameter in self.model.named_parameters():
            parameter.copy_(self.origin[name])
            for amount, direction in zip(amounts, self.directions, strict=True):
                if amount and name in direction:
                    parameter.add_(direction[name], alpha=amount)
        return self.model


def random_direction(model: nn.Module, seed: int, which: int) -> dict[str, Tensor]:
    """A filter-normalised Gaussian direction; tensors with one dimension are left out.

    d_j <- d_j ‖w_j‖ / ‖d_j‖ for every row j (Li et al. 2018, section 4). Each tensor has its own
    generator, so that two networks share the draw of every tensor of one name and shape.
    """
    direction = {}
    for name, weight in model.named_parameters():
        if weight.ndim < 2:
            continue
        digest = hashlib.sha256(f"{seed}:{which}:{name}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
        drawn = torch.randn(weight.shape, generator=generator).to(weight.device)
        rows, own = drawn.flatten(1), weight.detach().flatten(1)
        scale = own.norm(dim=1, keepdim=True) / rows.norm(dim=1, keepdim=True)
        direction[name] = (rows * scale).view_as(weight)
    return direction


def levels(points: int) -> list[int]:
    """Strides through `points` points, coarse to fine, each grid part of the next one."""
    strides = [1]
    # The middle, where the checkpoint is, belongs to every grid.
    while (points - 1) // 2 % (2 * strides[0]) == 0 and (points - 1) // (2 * strides[0]) >= 4:
        strides.insert(0, 2 * strides[0])
    return strides


def affordable(each: float, seconds: float, dimensions: int, runs: int) -> int:
    """The most points along an axis, 4 k + 1, whose grids are measured in these seconds.

    Of these numbers every second point makes a grid too, with the middle in it.
    """
    points = FEWEST
    while points < FINEST[dimensions] and (points + 4) ** dimensions * runs * each <= seconds:
        points += 4
    return points


def seconds_each(evaluate: Callable[[], float]) -> float:
    """Seconds of one evaluation; the first, which is slower, is not counted."""
    evaluate()
    began = time.monotonic()
    evaluate()
    return time.monotonic() - began


def measure(
    evaluations: list[Callable[..., float]],
    axes: list[NDArray[np.float64]],
    seconds: float | None,
    report: Report,
) -> Iterator[tuple[int, list[Grid], int]]:
    """Every evaluation on the grid of `axes`: (stride, one grid for each, evaluations so far).

    Yields at the end of each level, where the grids are whole at that stride and NaN between. A
    level that would overrun `seconds` is not begun.
    """
    shape = tuple(len(axis) for axis in reversed(axes))  # rows of b, columns of a
    grids = [np.full(shape, np.nan) for _ in evaluations]
    done = np.zeros(shape, dtype=bool)
    began, count, whole = time.monotonic(), 0, done.size * len(evaluations)
    for stride in levels(len(axes[0])):
        wanted = np.zeros(shape, dtype=bool)
        wanted[(slice(None, None, stride),) * len(shape)] = True
        places = np.argwhere(wanted & ~done)
        taken = time.monotonic() - began
        if seconds is not None and count:
            cost = taken / count * len(places) * len(evaluations)
            if taken + cost > 1.5 * seconds:
                return
        for place in places:
            amounts = [axis[i] for axis, i in zip(axes, reversed(place), strict=True)]
            for grid, evaluate in zip(grids, evaluations, strict=True):
                report(
                    count / whole, Message("{count} of {whole} losses", count=count, whole=whole)
                )
                grid[tuple(place)] = evaluate(*map(float, amounts))
                count += 1
        done |= wanted
        yield stride, grids, count


def on_one_scale(grids: list[Grid]) -> dict[str, Any]:
    """The lowest and the highest finite loss of all, null where there is none."""
    finite = np.concatenate([grid[np.isfinite(grid)] for grid in grids])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
    return {"low": low, "high": high}


def told(grid: Grid) -> dict[str, Any]:
    """A grid as a result holds it: nested lists with null, and how many losses are not finite."""
    losses = np.where(np.isfinite(grid), grid, np.nan)
    return {"loss": losses.tolist(), "not_finite": int((~np.isfinite(grid)).sum())}


def sentence(
    points: int, dimensions: int, predictions: int, seconds: float, finest: bool, missing: int
) -> str:
    """A sentence that says from how many points and windows the picture is made."""
    size = " × ".join([str(points)] * dimensions)
    words = Message(
        "{size} points, each the mean loss of {predictions:,} held-out predictions.",
        size=size,
        predictions=predictions,
    )
    finer = Message("A finer grid did not fit {seconds:g} s.", seconds=seconds)
    lost = Message("{n} losses are not finite.", n=missing)
    return joined([words, *([] if finest else [finer]), *([lost] if missing else [])], " ")
