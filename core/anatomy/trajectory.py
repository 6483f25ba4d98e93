"""The kind `trajectory`: the path of training, seen in the plane in which it moved most.

PCA of θ_s - θ_last over the run's checkpoints (Li et al. 2018, arXiv 1712.09913, section 7); the
checkpoint that was asked for is the last one and the origin, the axes are the first two components,
in units of parameter distance. Of many checkpoints of a large network some are left out, evenly.

The surface is L(θ_last + x u + y v). Coarse to fine: each finished level is one object of the
stream with all keys of the result.

arrays
    ``loss`` (n, n) float64, not finite as it came; ``path`` (S, 2) float64.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.loss_grid import (
    FINEST,
    HeldOutLoss,
    Moved,
    affordable,
    measure,
    on_one_scale,
    seconds_each,
    sentence,
    told,
)
from core.language import Message, said
from core.runs import RunError
from core.training.checkpoints import CheckpointError, load_weights

LEAST = 3
MOST = 60
MOST_NUMBERS = 2**28  # of all checkpoints together, 1 GB
MARGIN = 0.25  # of the path's extent, on either side


@torch.no_grad()
def trajectory(
    checkpoint: LoadedCheckpoint, asked: parameters.Trajectory, report: Report
) -> Answer[results.Trajectory]:
    """The path and the surface below it; the module's docstring says what is found."""
    report(0.0, Message("reads the checkpoints"))
    loss = HeldOutLoss(checkpoint)
    steps = _chosen(checkpoint)
    moved, at_step = _differences(checkpoint, steps, loss, report)
    components, path, explained = principal_plane(moved)
    directions = [_as_tensors(checkpoint.model, component) for component in components]
    model = Moved(checkpoint, directions)

    def evaluate(x: float, y: float) -> float:
        return loss(model.to(x, y))

    each = seconds_each(lambda: evaluate(0.0, 0.0))
    seconds, chosen = asked.seconds, asked.points
    if chosen and (chosen % 2 == 0 or chosen > FINEST[2]):
        raise ValueError(
            Message(
                "points: {chosen} is not odd or more than {finest}", chosen=chosen, finest=FINEST[2]
            )
        )
    points = chosen or affordable(each, seconds, 2, 1)
    axes = [np.linspace(*_extent(path[:, k]), points) for k in (0, 1)]
    known = {
        "steps": steps,
        "path": path.tolist(),
        "path_loss": at_step,
        "explained": explained,
        "distance": moved.norm(dim=1).tolist(),
        "centre": at_step[-1],
        "tokens": loss.predictions,
        "seconds_each": each,
    }
    result: dict[str, Any] = {}
    limit = None if chosen else seconds
    for stride, (whole,), count in measure([evaluate], axes, limit, report):
        grid = whole[::stride, ::stride]
        size, part = len(grid), told(grid)
        finest = bool(chosen) or size == FINEST[2]
        missing = part["not_finite"]
        words = sentence(size, 2, loss.predictions, seconds, finest, missing)
        result = {
            **known,
            "a": axes[0][::stride].tolist(),
            "b": axes[1][::stride].tolist(),
            **part,
            **on_one_scale([grid]),
            "points": size,
            "evaluations": count,
            "sentence": words,
            "said": said(words).get("said"),
        }
        report.emit(result)
    return Answer(cast(results.Trajectory, result), {"loss": np.array(grid), "path": path})


def principal_plane(
    moved: Tensor,
) -> tuple[Tensor, NDArray[np.float64], list[float]]:
    """The first two principal components of S points, (S, P): axes, coordinates, shares.

    Axes (2, P), orthonormal; coordinates (S, 2) of the points themselves, so that the origin stays;
    the share of the points' variance along each axis. Components come from the (S, S) Gram matrix
    of the centred points, in double precision.
    """
    centred = moved - moved.mean(0)
    values, vectors = torch.linalg.eigh(_gram(centred, centred))
    top = vectors[:, -2:].flip(1)  # (S, 2), the largest first
    axes = (top.T.to(moved) @ centred).contiguous()  # (2, P)
    axes = torch.nn.functional.normalize(axes, dim=1)
    # Without a second direction its axis is rounding; what it is made of then does not matter,
    # but it has to stand square on the first.
    axes[1] -= (axes[0] @ axes[1]) * axes[0]
    axes = torch.nn.functional.normalize(axes, dim=1)
    whole = values.clamp(min=0).sum()
    shares = [float(v / whole) if whole > 0 else math.nan for v in values.clamp(min=0).flip(0)[:2]]
    return axes, _gram(moved, axes).numpy(), shares


def _gram(x: Tensor, y: Tensor) -> Tensor:
    """x yᵀ in double precision, a part of the columns at a time, so that no copy is whole."""
    pairs = zip(x.split(2**20, 1), y.split(2**20, 1), strict=True)
    return sum((a.double() @ b.double().T for a, b in pairs), torch.zeros(len(x), len(y)).double())


def _chosen(checkpoint: LoadedCheckpoint) -> list[int]:
    """The steps of the path, up to the one asked for, evenly thinned. Raises RunError."""
    run = checkpoint.run
    steps = [step for step in run.checkpoints if step <= checkpoint.step]
    if len(steps) < LEAST:
        raise RunError(
            Message(
                "a path needs {least} checkpoints and run {id} has {steps} up to step {step};"
                " train it with a smaller training.checkpoint_every",
                least=LEAST,
                id=run.id,
                steps=len(steps),
                step=checkpoint.step,
            )
        )
    if any(run.model_at(step) != checkpoint.wiring for step in steps):
        raise RunError(
            Message(
                "layers of run {id} were switched while it trained, so its checkpoints are"
                " different networks without a common path",
                id=run.id,
            )
        )
    size = sum(p.numel() for p in checkpoint.model.parameters())
    most = min(MOST, max(LEAST, MOST_NUMBERS // size))
    kept = np.unique(np.linspace(0, len(steps) - 1, min(most, len(steps))).round().astype(int))
    return [steps[i] for i in kept]


def _differences(
    checkpoint: LoadedCheckpoint, steps: list[int], loss: HeldOutLoss, report: Report
) -> tuple[Tensor, list[float]]:
    """θ_s - θ_last as rows (S, P) on the processor, and the loss of every checkpoint."""
    model, origin = checkpoint.copy(), _flat(checkpoint.model)
    rows, losses = torch.empty(len(steps), len(origin)), []
    for i, step in enumerate(steps):
        report(0.0, Message("reads checkpoint {i} of {steps}", i=i + 1, steps=len(steps)))
        try:
            load_weights(checkpoint.run.path / "checkpoints", step, model)
        except CheckpointError as error:
            raise RunError(
                Message("run {id}: {error}", id=checkpoint.run.id, error=error)
            ) from error
        torch.sub(_flat(model), origin, out=rows[i])
        losses.append(loss(model))
    if not rows.isfinite().all():
        raise RunError(
            Message(
                "run {id} has checkpoints with weights that are not finite", id=checkpoint.run.id
            )
        )
    return rows, losses


def _flat(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten().cpu() for p in model.parameters()])


def _as_tensors(model: nn.Module, flat: Tensor) -> dict[str, Tensor]:
    """A direction in the space of all parameters, tensor by tensor."""
    named = dict(model.named_parameters())
    parts = flat.split([p.numel() for p in named.values()])
    pairs = zip(named.items(), parts, strict=True)
    return {name: part.view_as(p).to(p.device) for (name, p), part in pairs}


def _extent(values: NDArray[np.float64]) -> tuple[float, float]:
    """From below the smallest to above the largest coordinate."""
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low) or 1.0
    return low - margin, high + margin
