"""What large networks show, and what others could not repeat: is it seen in a small one?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.evidence.claim import Measured
from core.evidence.measure.networks import Lab, of_depth, points
from core.evidence.measure.trained import compared, ids, made, train_all
from core.language import Message, mark
from core.runs import Run


def at_scale(lab: Lab, which: str) -> Measured:
    """What large models show, in pre-LN of 8 layers after 500 steps.

    `massive`: `largest` |a| of the stream and over the `median`. `sinks`: the largest mean
    attention to token 0 of a head. `variance`: growth of log ‖h‖² per layer's, last over first
    half. `lns`: the loss of pre-LN minus that of LNS.
    """
    steps = {"model__depth": 8, "training__steps": 500}
    networks = {"pre": (of_depth("pre-LN", 8), made("pre-LN", **steps))}
    if which == "lns":
        networks["lns"] = (of_depth("LNS", 8), made("LNS", **steps))
        measured, _ = compared(lab, networks)
        pairs = zip(measured.values["pre"], measured.values["lns"], strict=True)
        measured.values["ahead"] = [pre - lns for pre, lns in pairs]
        return measured
    found = train_all(lab, networks)
    layers = range(1, 9)
    values: dict[str, list[float]] = {}
    rows = []
    for run in found["pre"]:
        for key, value, row in _OF[which](run):
            values.setdefault(key, []).append(value)
            if row is not None:
                rows.append(row)
    return Measured(values, [points(mark("pre-LN, trained"), layers, rows)], ids(found))


Found = list[tuple[str, float, list[float] | None]]


def _trace(run: Run) -> dict[str, Any]:
    checkpoint = LoadedCheckpoint(run, run.checkpoints[-1])
    windows = checkpoint.held_out(8)[0]
    model: Any = checkpoint.model
    return {name: t.detach().float() for name, t in model.trace(windows).items()}


def _massive(run: Run) -> Found:
    trace = _trace(run)
    streams = [trace[f"blocks.{i}.resid_post"].abs() for i in range(8)]
    over = [float(h.max() / h.median()) for h in streams]
    return [("largest", max(float(h.max()) for h in streams), None), ("median", max(over), over)]


def _sinks(run: Run) -> Found:
    trace = _trace(run)
    first = [trace[f"blocks.{i}.attn.pattern"][:, :, 32:, 0].mean((0, 2)) for i in range(8)]
    row = [float(head.max()) for head in first]
    return [("sink", max(row), row)]


def _variance(run: Run) -> Found:
    trace = _trace(run)
    sizes = [float(trace[f"blocks.{i}.resid_post"].var()) for i in range(8)]
    logs = np.log(sizes)
    early, late = (logs[3] - logs[0]) / 3, (logs[7] - logs[4]) / 3
    return [("constant", float(late / early), None), ("growth", sizes[-1] / sizes[0], sizes)]


_OF: dict[str, Callable[[Run], Found]] = {
    "massive": _massive, "sinks": _sinks, "variance": _variance,
}  # fmt: skip


def beside(lab: Lab, change: str) -> Measured:
    """`gained`: the loss of plain pre-LN minus that with one change, 6 layers, 400 steps."""
    steps = {"model__depth": 6, "training__steps": 400}
    changes: dict[str, tuple[str, dict[str, object]]] = {
        "dyt": ("DyT", {"model__norm": "dyt"}),
        "value": (Message("value residual"), {"model__value_residual": True}),
        # Three matrices of 2/3 the width have as many weights as two.
        "swiglu": ("SwiGLU", {"model__activation": "swiglu", "model__feedforward_width": 171}),
    }
    title, more = changes[change]
    measured, _ = compared(
        lab,
        {
            "plain": (
                of_depth("pre-LN", 6),
                made("pre-LN", **steps),
            ),
            "changed": (
                Message("pre-LN with {change}, {n} layers", change=title, n=6),
                made("pre-LN", **{**steps, **more}),
            ),
        },
    )
    pairs = zip(measured.values["plain"], measured.values["changed"], strict=True)
    measured.values["gained"] = [plain - changed for plain, changed in pairs]
    return measured
