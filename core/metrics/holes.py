"""Rows that are missing in the middle of a series, because what held them is damaged.

Rows of a cadence come every so many steps, so a longer way between two of them is a hole. What is
drawn breaks there; what is computed takes the rows that are there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.language import Message, joined
from core.metrics.downsample import Steps


def holes(steps: Steps, every: int, before: int | None = None) -> list[tuple[int, int]]:
    """The first and the last step of each hole; `every` is 0 where rows come at no interval.

    `before` is the step of the row that came before the first of these.
    """
    if _is_whole(steps, every, before):
        return []
    joined = steps if before is None else np.concatenate([[before], steps])
    at = _behind(joined, every)
    return [(int(joined[i - 1]) + 1, int(joined[i]) - 1) for i in at]


def broken(
    steps: Steps, values: NDArray[Any], every: int, before: int | None = None
) -> tuple[Steps, NDArray[Any]]:
    """A series with one row that is NaN in each hole, so that no line joins its ends.

    (n,) or (n, L); `before` is the step of the row that came before the first of these.
    """
    if _is_whole(steps, every, before):
        return steps, values
    if before is None or not len(steps):
        joined, first = steps, 0
    else:
        joined, first = np.concatenate([[before], steps]), 1
    at = _behind(joined, every)
    if not len(at):
        return steps, values
    gaps = joined[at - 1] + 1
    rows = np.full((len(at), *values.shape[1:]), np.nan, dtype=np.float32)
    at = at - first
    return np.insert(steps, at, gaps), np.insert(values, at, rows, axis=0)


def sentence(found: list[tuple[int, int]]) -> str:
    """The holes in one sentence for people; empty where there are none."""
    if not found:
        return ""
    told = joined(f"{a:,}" if a == b else Message("{a:,} to {b:,}", a=a, b=b) for a, b in found[:3])
    more = Message(" and of {n:,} more places", n=len(found) - 3) if len(found) > 3 else ""
    return Message(
        "The rows of steps {told}{more} are missing: a part of its metrics is damaged.",
        told=told,
        more=more,
    )


def _is_whole(steps: Steps, every: int, before: int | None) -> bool:
    """Whether rows lie so close that no hole can be among them: their steps rise by 1 at least.

    True of most rows that were just written, which are looked at each second.
    """
    if every < 1 or not len(steps):
        return True
    first, more = (int(steps[0]), len(steps) - 1) if before is None else (before, len(steps))
    return int(steps[-1]) - first <= every + more - 1


def _behind(steps: Steps, every: int) -> NDArray[np.intp]:
    """The places of the rows behind holes."""
    if every < 1 or len(steps) < 2:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(np.diff(steps) > every) + 1
