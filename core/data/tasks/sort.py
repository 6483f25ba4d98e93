"""``sort``: random tokens, then the same in order."""

from __future__ import annotations

import math

import numpy as np

from core.data.tasks.task import ALPHABET, Ids, Shares, Task


class Sort(Task):
    """The last half of a sequence is its first half in order."""

    words = "places"

    def __init__(self, alphabet: str = ALPHABET) -> None:
        self.alphabet = alphabet

    def draw(
        self, random: np.random.Generator, count: int, context: int, held_out: bool = False
    ) -> Ids:
        """(B, T + 1)."""
        drawn = random.integers(0, self.vocabulary, (count, context + 1))
        half = (context + 1) // 2
        drawn[:, -half:] = np.sort(drawn[:, :half], axis=1)
        return drawn

    def optimal(self, context: int, last: bool = False) -> float:
        """ln V for each random token but the first, which is given; the others follow, for 0 nats.

        The chain rule: a sequence holds ⌈(T + 1) / 2⌉ random tokens, and its sorted half is a
        function of them. So (T - ⌊(T + 1) / 2⌋) ln V over T, as for the same tokens backwards.
        """
        if last:
            return 0.0
        return (context - (context + 1) // 2) * math.log(self.vocabulary) / context

    def shares(self, context: int, held_out: bool = False) -> Shares:
        """1 / V in the random half; in the sorted one the order statistics, (T, V).

        The k-th smallest of n tokens is at most v where k or more of n are, which is a binomial
        tail: P = Σ_{j ≥ k} C(n, j) F^j (1 - F)^(n - j) with F = (v + 1) / V.
        """
        n, size = (context + 1) // 2, self.vocabulary
        below = np.arange(1, size) / size  # F of all but the last token, whose F is 1
        j = np.arange(n + 1)[:, None]
        choose = np.array([math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
                           for i in range(n + 1)])[:, None]  # fmt: skip
        terms = np.exp(choose + j * np.log(below) + (n - j) * np.log1p(-below))  # (n + 1, V - 1)
        tails = terms[::-1].cumsum(0)[::-1][1:]  # k = 1 .. n
        reached = np.pad(np.minimum(tails, 1.0), ((0, 0), (0, 1)), constant_values=1.0)
        ordered = np.maximum(np.diff(reached, axis=1, prepend=0.0), 0.0)
        uniform = np.full((context - n, size), 1 / size)
        return np.concatenate([uniform, ordered / ordered.sum(1, keepdims=True)])
