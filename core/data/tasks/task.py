"""What every synthetic task says of itself: what it draws, what counts, and two losses.

B sequences, T tokens of context, V size of the alphabet. A sequence has T + 1 tokens: T inputs and,
one further, their targets; the target at place i, from 0, is token i + 1.
"""

from __future__ import annotations

import math
import string
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from core.data.texts import Baseline
from core.language import Message

ALPHABET = "".join(sorted("+/" + string.digits + string.ascii_letters))
Ids = NDArray[np.int64]
Bools = NDArray[np.bool_]
Shares = NDArray[np.float64]


class Task(ABC):
    """One task with its settings."""

    alphabet: str = ALPHABET
    least_context: int = 8
    why_least: str = Message(
        "so that a sequence holds both what is random and what follows from it"
    )
    words: str | None = None  # how sentences call its baseline, a key of core.config.units

    @property
    def vocabulary(self) -> int:
        """Size of the alphabet, V."""
        return len(self.alphabet)

    @abstractmethod
    def draw(
        self, random: np.random.Generator, count: int, context: int, held_out: bool = False
    ) -> Ids:
        """Sequences, (B, T + 1); `held_out`: of the part that training never sees, if any."""

    @abstractmethod
    def optimal(self, context: int, last: bool = False) -> float:
        """The lowest mean loss that any network can have, in nats per prediction that counts.

        With `last` the loss of the last prediction alone, which is a feed-forward network's.
        """

    @abstractmethod
    def shares(self, context: int, held_out: bool = False) -> Shares:
        """How often each token is the target, by place, (T, V), or (1, V) where all are alike."""

    def scored(self, context: int) -> Bools:
        """Which predictions count, (T,)."""
        return np.ones(context, dtype=bool)

    def baseline(self, context: int, last: bool = False) -> Baseline:
        """What a network can know that ignores its input: how often each token occurs at a place.

        By place, as a network also knows where it is: of a sorted sequence the first token is a
        small one, whatever was read.
        """
        shares, other = self.shares(context), self.shares(context, held_out=True)
        if last:
            shares, other = shares[-1:], other[-1:]
        log = np.log(np.maximum(shares, np.finfo(float).tiny))
        entropy, validation = (-(one * log).sum(-1).mean() for one in (shares, other))
        return Baseline(log, float(entropy), float(validation), self.words)


class Uniform(Task):
    """A task whose tokens are all equally likely at every place."""

    def shares(self, context: int, held_out: bool = False) -> Shares:
        """1 / V, (1, V)."""
        return np.full((1, self.vocabulary), 1 / self.vocabulary)

    def baseline(self, context: int, last: bool = False) -> Baseline:
        """ln V."""
        entropy = math.log(self.vocabulary)
        return Baseline(np.full((1, self.vocabulary), -entropy), entropy, entropy, self.words)
