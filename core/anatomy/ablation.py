"""A lesion sweep: each part taken out by itself, and what the loss says (Veit et al. 2016).

Kind ``lesion``. It measures on fewer windows if the parts would take longer than ``seconds``.
L layers, H heads. Operations are those of :mod:`core.anatomy.operate`.

arrays, NaN where not measured or absent
    ``block`` ``attention`` ``feedforward``   float32 (L,), Δloss in nats
    ``swap``     float32 (L - 1,)
    ``head``     float32 (L, H)
stream: the rows, as they are measured
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.interventions import operated
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.operate import mean_and_error, window_losses
from core.anatomy.operations import Operation, read
from core.config import ModelConfig
from core.language import Message

OVERTIME = 1.5  # of the promised seconds, then the sweep ends as it stands


def sweep(model: ModelConfig) -> Iterator[tuple[str, dict[str, Any], Operation]]:
    """(group, operation as `operate` takes it, the same as it is read), parts before heads."""
    layers = range(model.depth)
    parts = [part for part in ("attention", "feedforward") if part in model.parts]
    for group, action in (("block", "off"), ("swap", "swap"), *((part, "off") for part in parts)):
        target = "block" if group == "swap" else group
        for layer in layers:
            one = {"target": target, "layer": layer, "action": action}
            try:
                yield group, one, read(model, one)
            except ValueError:
                continue  # the last layer has no next, lent values stay first
    for layer in layers if "attention" in parts else ():
        for head in range(model.heads):
            one = {"target": "head", "layer": layer, "head": head, "action": "off"}
            yield "head", one, read(model, one)


@torch.no_grad()
def lesion(
    checkpoint: LoadedCheckpoint, asked: parameters.Lesion, report: Report
) -> Answer[results.Lesion]:
    """Take out every part by itself; the module's docstring says what is found."""
    began, seconds = time.monotonic(), asked.seconds
    model, wiring = copy.deepcopy(checkpoint.transformer), checkpoint.wiring
    plan = list(sweep(wiring))
    inputs, targets = checkpoint.held_out(asked.windows)
    report(0.0, Message("reads held-out text with the whole network"))
    inputs, targets = _affordable(checkpoint, inputs, targets, seconds / (len(plan) + 1))
    before = window_losses(checkpoint, model, inputs, targets)
    rows: list[results.LesionRow] = []
    for group, one, operation in plan:
        if time.monotonic() - began > OVERTIME * seconds:
            break
        tick = partial(report, len(rows) / len(plan), operation.said())
        with operated(model, [operation]):
            after = window_losses(checkpoint, model, inputs, targets, tick)
        delta, error = mean_and_error(after - before)
        rows.append(
            {
                "group": group,
                "layer": operation.layer,
                "head": operation.head if group == "head" else None,
                "words": operation.words,
                "operation": one,
                "nats": float(after.mean()),
                "delta": delta,
                "error": error,
            }
        )
        report.emit(rows[-1])
    nats, error = mean_and_error(before)
    found: results.Lesion = {
        "before": {"nats": nats, "error": error},
        "rows": rows,
        "windows": len(inputs),
        "complete": len(rows) == len(plan),
        "layers": wiring.depth,
        "heads": wiring.heads,
        "step": checkpoint.step,
    }
    return Answer(found, _pictures(rows, wiring))


def _affordable(
    checkpoint: LoadedCheckpoint, inputs: Tensor, targets: Tensor, seconds: float
) -> tuple[Tensor, Tensor]:
    """As many windows, evenly spread, as fit into these seconds; at least two."""
    few = slice(0, max(1, min(len(inputs), 8)))
    window_losses(checkpoint, checkpoint.model, inputs[few], targets[few])  # warm
    started = time.monotonic()
    window_losses(checkpoint, checkpoint.model, inputs[few], targets[few])
    each = (time.monotonic() - started) / len(inputs[few])
    count = min(len(inputs), max(2, int(seconds / max(each, 1e-9))))
    chosen = torch.linspace(0, len(inputs) - 1, count, device=inputs.device).long()
    return inputs[chosen], targets[chosen]


def _pictures(rows: list[results.LesionRow], model: ModelConfig) -> dict[str, np.ndarray]:
    depth = model.depth
    shapes = {"swap": (depth - 1,), "head": (depth, model.heads)}
    pictures = {
        group: np.full(shapes.get(group, (depth,)), np.nan, dtype=np.float32)
        for group in ("block", "swap", "attention", "feedforward", "head")
    }
    for row in rows:
        place = row["layer"] if row["head"] is None else (row["layer"], row["head"])
        pictures[row["group"]][place] = row["delta"]
    return pictures
