"""Scores of an attention head, read from its pattern alone. Does not import torch.

L layers, H heads, T tokens; row t of a pattern is the attention of token t, and sums to 1.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.language import Message

Scores = NDArray[np.float64]  # (L, H)
SCORES = ("entropy", "previous", "first", "duplicate", "matching", "induction")


def scores(
    pattern: NDArray[np.floating[Any]],
    tokens: NDArray[np.integer[Any]] | list[int] | None = None,
    period: int | None = None,
) -> dict[str, Scores]:
    """Every score that can be read from a pattern (L, H, T, T), each (L, H) float64.

    ``entropy``: -Σ A ln A in nats, the mean over all rows; 0 attends to one token, uniform causal
    attention over T = 64 has 3.206. All others are shares of attention between 0 and 1:
    ``previous``: to the token before, over rows from 1 on. ``first``: to token 0, over rows from 1
    on (a sink; Xiao et al. 2023, arXiv 2309.17453). With `tokens` (T ids) also ``duplicate``: to
    earlier occurrences of the row's own token, and ``matching``: to the tokens that followed those
    (prefix matching, Olsson et al. 2022, arXiv 2209.11895), both over the rows whose token occurred
    before. ``induction``: to the token after the same token one period ago, the mean of the
    diagonal 1 - period over the rows from `period` on; where no period is given it is that of
    `tokens`, and without one the score is absent.

    NaN where no row counts. Raises ValueError where tokens or period do not fit the pattern.
    """
    ids = _checked(pattern, tokens)
    found = {
        "entropy": _entropy(pattern),
        "previous": _mean(pattern.diagonal(-1, 2, 3)),
        "first": _mean(pattern[:, :, 1:, 0]),
    }
    if ids is not None:
        masks = _occurrences(ids)
        rows = np.count_nonzero(masks["duplicate"].any(-1))
        for name, mask in masks.items():
            found[name] = _under(pattern, mask) / (rows or np.nan)
        period = period_of(ids) if period is None else period
    if period is not None:
        _check_period(period, pattern.shape[-1])
        # The diagonal starts in row period - 1, whose token has not been seen yet.
        found["induction"] = _mean(pattern.diagonal(1 - period, 2, 3)[..., 1:])
    return found


def without_sink(
    pattern: NDArray[np.floating[Any]],
    tokens: NDArray[np.integer[Any]] | list[int] | None = None,
    period: int | None = None,
) -> dict[str, Scores]:
    """The scores of the attention that does not go to token 0, each (L, H) float64.

    Heads of large models rest on the first token when they have nothing to look for, with most of
    what they attend (Xiao et al. 2023, arXiv 2309.17453); what such a head does shows in the rest.
    ``previous``, ``duplicate``, ``matching`` and ``induction`` are as in :func:`scores` without
    column 0: attention over the rows that count, divided by all attention of these rows that does
    not go to token 0, so that a row counts by what it has left. ``entropy``: nats of each row's
    rest, weighted so too; ``rest``: the share that is left, 1 - ``first``.

    NaN where no row counts or nothing is left. Raises ValueError as :func:`scores` does.
    """
    ids = _checked(pattern, tokens)
    found = {"rest": 1 - _mean(pattern[:, :, 1:, 0]), "entropy": _rest_entropy(pattern)}
    left = pattern[..., 1:].sum(-1, dtype=np.float64)  # (L, H, T)
    # Row 1 has only token 0 before it.
    found["previous"] = _of_rest(_total(pattern.diagonal(-1, 2, 3)[..., 1:]), left[..., 2:])
    if ids is not None:
        for name, mask in _occurrences(ids).items():
            mask[:, 0] = False
            found[name] = _of_rest(_under(pattern, mask), left[..., mask.any(-1)])
        period = period_of(ids) if period is None else period
    if period is not None:
        _check_period(period, pattern.shape[-1])
        behind = _total(pattern.diagonal(1 - period, 2, 3)[..., 1:])
        found["induction"] = _of_rest(behind, left[..., period:])
    return found


def period_of(tokens: NDArray[np.integer[Any]] | list[int]) -> int | None:
    """The shortest period with which a whole sequence repeats, at least twice; None without one."""
    ids = np.asarray(tokens)
    for period in range(2, len(ids) // 2 + 1):
        if np.array_equal(ids[period:], ids[:-period]):
            return period
    return None


def _mean(values: NDArray[np.floating[Any]]) -> Scores:
    """(L, H, n) -> (L, H)."""
    if values.shape[-1] == 0:
        return np.full(values.shape[:2], np.nan)
    mean: Scores = values.mean(-1, dtype=np.float64)
    return mean


def _total(values: NDArray[np.floating[Any]]) -> Scores:
    """(L, H, n) -> (L, H)."""
    total: Scores = values.sum(-1, dtype=np.float64)
    return total


def _checked(
    pattern: NDArray[np.floating[Any]], tokens: NDArray[np.integer[Any]] | list[int] | None
) -> NDArray[np.integer[Any]] | None:
    """The tokens as an array. Raises ValueError where pattern and tokens do not fit."""
    *_, length, columns = pattern.shape
    if pattern.ndim != 4 or length != columns:
        raise ValueError(
            Message("a pattern is (L, H, T, T), this one is {shape}", shape=pattern.shape)
        )
    if tokens is None:
        return None
    ids = np.asarray(tokens)
    if ids.shape != (length,):
        raise ValueError(
            Message(
                "a pattern of {length} tokens needs as many ids, not {shape}",
                length=length,
                shape=ids.shape,
            )
        )
    return ids


def _check_period(period: int, length: int) -> None:
    if not 1 <= period < length:
        raise ValueError(
            Message("period: {period} does not fit {length} tokens", period=period, length=length)
        )


def _occurrences(ids: NDArray[np.integer[Any]]) -> dict[str, NDArray[np.bool_]]:
    """Where earlier occurrences of a row's token are, and the tokens after them, (T, T) each."""
    earlier = np.tril(ids[:, None] == ids[None, :], -1)
    after = np.zeros_like(earlier)
    after[:, 1:] = earlier[:, :-1]
    return {"duplicate": earlier, "matching": after}


def _under(pattern: NDArray[np.floating[Any]], mask: NDArray[np.bool_]) -> Scores:
    """All attention at the places of a mask (T, T), (L, H)."""
    places = np.flatnonzero(mask)
    flat = (heads.reshape(len(heads), -1)[:, places] for heads in pattern)
    return np.stack([_total(one) for one in flat])


def _of_rest(part: Scores, left: NDArray[np.floating[Any]]) -> Scores:
    """The share that `part` (L, H) is of what is left in its rows (L, H, n)."""
    total = _total(left)
    share: Scores = np.divide(part, total, out=np.full(part.shape, np.nan), where=total > 0)
    return share


def _rest_entropy(pattern: NDArray[np.floating[Any]]) -> Scores:
    """The entropy of each row's attention to tokens from 1 on, weighted by how much that is.

    A row with the share r left has -sum (a/r) ln (a/r); r times that is r ln r - sum a ln a.
    """
    total = np.full(pattern.shape[:2], np.nan)
    for layer, heads in enumerate(pattern):
        for head, shares in enumerate(heads):
            left = shares[1:, 1:].sum(-1, dtype=np.float64)  # (T - 1,)
            weight = left.sum()
            if not weight > 0:
                continue
            terms = _terms(shares[1:, 1:]).sum(dtype=np.float64)
            some = left[left > 0]
            total[layer, head] = max(0.0, (terms + (some * np.log(some)).sum()) / weight)
    return total


def _entropy(pattern: NDArray[np.floating[Any]]) -> Scores:
    """-Σ A ln A of each row, the mean over the rows; one layer at a time to bound the memory."""
    total = np.empty(pattern.shape[:2])
    for layer, heads in enumerate(pattern):
        for head, shares in enumerate(heads):
            total[layer, head] = _terms(shares).sum(dtype=np.float64) / len(shares)
    return total


def _terms(shares: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """-a ln a of every entry, 0 at 0."""
    if shares.dtype == np.float16:
        halves: NDArray[np.uint16] = np.ascontiguousarray(shares).view(np.uint16)
        return _table()[halves]
    terms: NDArray[np.floating[Any]] = -shares * np.log(
        np.maximum(shares, np.finfo(shares.dtype).tiny)
    )
    return terms


@functools.cache
def _table() -> NDArray[np.float32]:
    """-a ln a for every float16: a look-up costs a fifth of the logarithm; NaN stays NaN."""
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where(halves == 0, 0.0, -halves * np.log(halves))
    return terms.astype(np.float32)
