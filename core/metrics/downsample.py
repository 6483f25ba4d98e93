"""Fewer points that say the same: buckets of powers of two, which merge and never move."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Steps = NDArray[np.int64]


def bucket_size(rows: int, max_points: int) -> int:
    """The smallest power of two whose buckets, of two points each, stay within `max_points`.

    Powers of two, so that buckets are only ever merged and never move while a run grows.
    """
    size = 1
    while rows > max_points if size == 1 else 2 * -(-rows // size) > max_points:
        size *= 2
    return size


def buckets(
    steps: Steps, values: NDArray[np.generic], size: int
) -> tuple[Steps, NDArray[np.generic]]:
    """Thin a series, `size` rows to a bucket, without losing a spike; see :func:`thin`."""
    rows = np.arange(len(steps))
    if size <= 1 or len(steps) == 0:
        return steps, values
    kept, thinned = thin(rows, values, size)
    return steps[kept], thinned


def bucket_width(first: int, last: int, rows: int, max_points: int, each: int = 2) -> int:
    """The smallest power of two of steps whose buckets keep `rows` rows within `max_points`.

    1 when they are few enough to be kept as they are; `each` is the points that a bucket keeps.
    """
    width = 1
    if rows > max_points:
        while each * (last // width - first // width + 1) > max_points:
            width *= 2
    return width


def thin(
    steps: Steps, values: NDArray[np.generic], width: int
) -> tuple[Steps, NDArray[np.generic]]:
    """Thin rows to buckets of `width` steps (bucket = step // width) without losing a spike.

    A scalar series (n,) keeps each bucket's smallest and largest value at their own steps, and the
    first one that is not finite. A per-layer series (n, L) keeps each layer's largest value at the
    bucket's first step. Thinning what was thinned with a smaller width gives the same points.
    """
    if width <= 1 or len(steps) == 0:
        return steps, values
    starts, begin = buckets_of(steps, width)
    if values.ndim == 2:
        return begin, np.maximum.reduceat(values, starts, axis=0)  # NaN wins, as it should
    bucket = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(steps))))
    finite = np.isfinite(values)
    low = np.where(finite, values, np.inf)
    high = np.where(finite, values, -np.inf)
    keep = [
        _firsts(finite & (low == np.minimum.reduceat(low, starts)[bucket]), bucket),
        _firsts(finite & (high == np.maximum.reduceat(high, starts)[bucket]), bucket),
    ]
    if not finite.all():
        keep.append(_firsts(~finite, bucket))
    chosen = np.unique(np.concatenate(keep))
    return steps[chosen], values[chosen]


def buckets_of(steps: Steps, width: int) -> tuple[NDArray[np.intp], Steps]:
    """The first row of each bucket, and the step at which each bucket begins."""
    bucket = steps // width
    starts = np.flatnonzero(np.diff(bucket, prepend=bucket[:1] - 1))
    return starts, bucket[starts] * width


def _firsts(mask: NDArray[np.bool_], bucket: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first marked row of each bucket."""
    rows = np.flatnonzero(mask)
    of = bucket[rows]
    return rows[np.concatenate([[True], of[1:] != of[:-1]])] if len(rows) else rows
