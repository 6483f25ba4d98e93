"""What is to be seen in a loss landscape: on a line, over a plane, along the path of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.language import Message
from dashboard.notice.notice import Notice, finite, number

TERMS = ("loss landscape", "loss", "nats")
FLAT = Message(
    "A trained network lies in a hollow; the wider it is, the less an inaccuracy of the weights"
    " costs. A dead network looks flat, because nothing matters to it. Directions are scaled to the"
    " filters, so that networks can be compared."
)


def line(runs: Sequence[dict[str, Any]]) -> Notice:
    """One curve a run."""
    now: list[str] = []
    for run in runs:
        known = finite(run["loss"])
        if not len(known):
            now.append(Message("{name}: no loss on it is finite.", name=run["name"]))
            continue
        now.append(
            Message(
                "{name}: {centre} nats at its checkpoint; on the line from {low} to {high}.",
                name=run["name"],
                centre=number(run["centre"]),
                high=number(float(known.max())),
                low=number(float(known.min())),
            )
        )
        now.append(_lost(run["loss"]))
    return Notice(
        Message(
            "To the right: how far the weights are moved along a random direction, 0 is the"
            " checkpoint. Upwards: the loss in nats."
        ),
        FLAT,
        tuple(now),
        TERMS,
    )


def plane(run: dict[str, Any]) -> Notice:
    """A plane through a checkpoint."""
    cells = [value for row in run["loss"] for value in row]
    known = finite(cells)
    now: list[str] = []
    if len(known):
        below = float((known < run["centre"]).mean())
        now = [
            Message(
                "{name}: {centre} nats in the middle, {median} at the median, {high} at most.",
                name=run["name"],
                centre=number(run["centre"]),
                median=number(float(np.median(known))),
                high=number(float(known.max())),
            ),
            Message("{share:.0%} of the plane lies lower than the checkpoint.", share=below),
            _lost(cells),
        ]
    return Notice(
        Message(
            "Both axes: how far the weights are moved along two random directions; the mark in the"
            " middle is the checkpoint. Colour or height: the loss."
        ),
        FLAT,
        tuple(now),
        TERMS,
    )


def trail(name: str, result: dict[str, Any]) -> Notice:
    """The path of training over the plane in which it moved most."""
    first, last = result["path_loss"][0], result["path_loss"][-1]
    share = sum(result["explained"][:2])
    now: list[str] = [
        Message("The two directions hold {share:.0%} of the way that was gone.", share=share)
    ]
    if first is not None and last is not None:
        now.insert(
            0,
            Message(
                "{name}: from {first} nats at step {begin:,} to {last} at step {end:,}.",
                name=name,
                first=number(first),
                last=number(last),
                begin=result["steps"][0],
                end=result["steps"][-1],
            ),
        )
    return Notice(
        Message(
            "Both axes: the two directions in which the checkpoints moved most. Colour or height:"
            " the loss there. The line joins the checkpoints, first to last."
        ),
        Message(
            "The path is drawn on its own plane, so what lies beside it in other directions is not"
            " seen; a path that seems to go uphill may leave the plane."
        ),
        tuple(now),
        ("path of training", "loss landscape", "checkpoint"),
    )


def _lost(values: Sequence[float | None]) -> str:
    lost = len(values) - len(finite(values))
    return Message("{n} point is not finite.", "{n} points are not finite.", n=lost) if lost else ""
