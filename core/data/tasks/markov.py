"""``markov``: letters whose probabilities depend on the last n of them.

The probabilities are drawn once for an alphabet and an order, the same for every seed, so that all
runs learn one language: each context's row from a Dirichlet distribution with concentration ½,
where a few letters are likely and most are not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.data.tasks.addition import DIGITS
from core.data.tasks.task import Ids, Shares, Task
from core.language import Message

CONCENTRATION = 0.5
LEAST = 1e-3  # of a probability: every letter can follow, so every context is reached
DRAWN = 19130123  # the key of the probabilities: Markov's lecture on Onegin, 23 January 1913
EXACT = 1e-15  # change of a probability at which the stationary ones are taken as found


class Markov(Task):
    """A stationary chain of order n over V letters."""

    def __init__(self, letters: int, order: int) -> None:
        self.order = order
        self.alphabet = DIGITS[:letters]
        self.least_context = order + 1
        self.why_least = Message("one letter more than its order {order}", order=order)
        random = np.random.Generator(np.random.Philox(key=DRAWN, counter=[0, 0, letters, order]))
        drawn = random.dirichlet(np.full(letters, CONCENTRATION), (letters,) * order)
        self.rows: NDArray[np.float64] = (1 - letters * LEAST) * drawn + LEAST
        self.contexts = _stationary(self.rows)

    def draw(
        self, random: np.random.Generator, count: int, context: int, held_out: bool = False
    ) -> Ids:
        """(B, T + 1), begun as the chain is in the long run."""
        size, length = self.vocabulary, context + 1
        uniform = random.random((count, length + 1))
        start = np.searchsorted(self.contexts.ravel().cumsum(), uniform[:, 0], side="right")
        state = np.minimum(start, size**self.order - 1)
        drawn = np.empty((count, max(length, self.order)), dtype=np.int64)
        first = np.unravel_index(state, self.contexts.shape)
        drawn[:, : self.order] = np.stack(first, axis=1)
        reached = self.rows.reshape(-1, size).cumsum(-1)
        for i in range(self.order, length):
            following = (reached[state] <= uniform[:, i + 1, None]).sum(1)
            drawn[:, i] = np.minimum(following, size - 1)
            state = (state * size + drawn[:, i]) % size**self.order
        return drawn[:, :length]

    def optimal(self, context: int, last: bool = False) -> float:
        """The entropy rate, with the first letters as far as they are known, in nats.

        After n letters each one has H = -Σ π(c) P(x | c) ln P(x | c) over the contexts c with their
        stationary probabilities π. The i-th letter of the first n has H(x_1 … x_i) - H(x_1 …
        x_(i-1)) of π's own marginals. The first is given.
        """
        joint = [_entropy(self._beginning(i)) for i in range(self.order + 1)]
        early = np.diff(joint)[1:]  # of letters 2 .. n
        rate = float(-(self.contexts[..., None] * self.rows * np.log(self.rows)).sum())
        nats = np.concatenate([early, np.full(max(context - len(early), 0), rate)])[:context]
        return float(nats[-1] if last else nats.mean())

    def _beginning(self, letters: int) -> NDArray[np.float64]:
        """The probabilities of so many letters in a row."""
        return np.asarray(self.contexts.sum(tuple(range(letters, self.order))))

    def shares(self, context: int, held_out: bool = False) -> Shares:
        """The stationary probability of each letter, at every place, (1, V)."""
        return self._beginning(1)[None]


def _stationary(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """How likely each context is in the long run, (V,) * n, by iterating the chain."""
    now = np.full(rows.shape[:-1], 1 / rows[..., 0].size)
    for _ in range(100_000):
        following = (now[..., None] * rows).sum(0)
        if np.abs(following - now).max() < EXACT:
            break
        now = following / following.sum()
    return now


def _entropy(shares: NDArray[np.float64]) -> float:
    known = shares[shares > 0]
    return float(-(known * np.log(known)).sum())
