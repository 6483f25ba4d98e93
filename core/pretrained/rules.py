"""How tensors of the lab and of `transformers` become one another.

A rule says which of their tensors make one of ours, and how: `take` is the way in, `give` the way
out. H heads, d head size, D = H · d width, G heads of keys and values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.language import Message
from core.pretrained.tensors import Floats, PretrainedError


class Way:
    """One of theirs as it is."""

    def take(self, theirs: Sequence[Floats]) -> Floats:
        """Our tensor, made of theirs."""
        return theirs[0]

    def give(self, ours: Floats) -> list[Floats]:
        """Their tensors, made of ours. Raises ValueError where theirs can't hold it."""
        return [ours]


class Transposed(Way):
    """A matrix the other way round: GPT-2's Conv1D keeps (in, out)."""

    def take(self, theirs: Sequence[Floats]) -> Floats:
        return theirs[0].T

    def give(self, ours: Floats) -> list[Floats]:
        return [ours.T]


@dataclass
class First(Way):
    """The first rows: positions up to the context that the lab looks at."""

    rows: int

    def take(self, theirs: Sequence[Floats]) -> Floats:
        return theirs[0][: self.rows]


@dataclass
class Positions(First):
    """Positions with the first of the segments, which every token of one text has."""

    def take(self, theirs: Sequence[Floats]) -> Floats:
        positions, segments = theirs
        found: Floats = positions[: self.rows] + segments[0]
        return found

    def give(self, ours: Floats) -> list[Floats]:
        return [ours, np.zeros((1, ours.shape[1]), np.float32)]


@dataclass
class Repeated(Way):
    """Rows of G heads, each repeated for the H / G heads of queries that share it: exact.

    `heads` G, `times` H / G, in :func:`Stacked` and for the gain of a norm over all heads.
    """

    heads: int
    times: int

    def take(self, theirs: Sequence[Floats]) -> Floats:
        rows = theirs[0]
        if self.times == 1:
            return rows
        parts = rows.reshape(self.heads, -1, *rows.shape[1:])
        return parts.repeat(self.times, 0).reshape(-1, *rows.shape[1:])


@dataclass
class Stacked(Way):
    """W_Q, W_K, W_V below one another; keys and values may have fewer heads."""

    shared: Repeated

    def take(self, theirs: Sequence[Floats]) -> Floats:
        q, k, v = theirs
        return np.concatenate([q, self.shared.take([k]), self.shared.take([v])])

    def give(self, ours: Floats) -> list[Floats]:
        return list(np.split(ours, 3))


@dataclass
class Zero(Way):
    """A bias that they do not have."""

    size: int

    def take(self, theirs: Sequence[Floats]) -> Floats:
        return np.zeros(self.size, np.float32)

    def give(self, ours: Floats) -> list[Floats]:
        if ours.any():
            raise ValueError(Message("it is not 0 everywhere"))
        return []


@dataclass(frozen=True)
class Rule:
    """One of our tensors with its shape, those of theirs that it is made of, and how."""

    ours: str
    shape: tuple[int, ...]
    theirs: tuple[str, ...]
    way: Way = field(default_factory=Way)

    def taken(self, theirs: Sequence[Floats]) -> Floats:
        """Our tensor. Raises PretrainedError where theirs have other shapes than their settings."""
        try:
            found = self.way.take(theirs)
        except (ValueError, IndexError):  # numpy can't even put them together
            found = None
        if found is None or found.shape != self.shape:
            shapes = ", ".join(str(one.shape) for one in theirs)
            raise PretrainedError(
                Message(
                    "{tensor} has the shape {shapes}, which its settings do not fit",
                    tensor=" + ".join(self.theirs), shapes=shapes,
                )
            )  # fmt: skip
        return found

    def given(self, ours: Floats) -> dict[str, Floats]:
        """Their tensors by name. Raises PretrainedError."""
        try:
            return dict(zip(self.theirs, self.way.give(ours), strict=True))
        except ValueError as error:
            raise PretrainedError(
                Message("{tensor} has no place there: {reason}", tensor=self.ours,
                        reason=error)
            ) from error  # fmt: skip
