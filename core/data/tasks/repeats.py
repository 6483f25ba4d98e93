"""``repeat``, ``copy`` and ``reverse``: random tokens, and the same ones again.

``repeat``: random tokens that repeat with a period drawn for each sequence, a quarter to half of
the context. To predict the repetition a model has to look up what followed the same token before,
which takes two layers of attention (the induction head: Elhage et al. 2021, Olsson et al. 2022,
arXiv 2209.11895); the period is random because a fixed one lets a single layer copy by position
alone. ``copy``: that fixed period, half of the context. ``reverse``: the second half is the first
one backwards.
"""

from __future__ import annotations

import math

import numpy as np

from core.config.run import divisors
from core.data.tasks.task import ALPHABET, Ids, Uniform


class Repeat(Uniform):
    """Random tokens that repeat with a random period."""

    def __init__(self, alphabet: str = ALPHABET) -> None:
        self.alphabet = alphabet

    def periods(self, context: int) -> tuple[int, int]:
        """The shortest and the longest period, in tokens."""
        return max(2, context // 4), max(2, context // 2)

    def draw(
        self, random: np.random.Generator, count: int, context: int, held_out: bool = False
    ) -> Ids:
        """(B, T + 1), each with its own period."""
        shortest, longest = self.periods(context)
        period = random.integers(shortest, longest + 1, (count, 1))
        return self._repeated(random, count, context, period)

    def _repeated(self, random: np.random.Generator, count: int, context: int, period: Ids) -> Ids:
        drawn = random.integers(0, self.vocabulary, (count, context + 1))
        return np.take_along_axis(drawn, np.arange(context + 1) % period, axis=1)

    def optimal(self, context: int, last: bool = False) -> float:
        """The entropy of a sequence without its first token, which is given, over T.

        Of K periods p, each as likely, a sequence x has the probability (1/K) Σ V^-p over the
        periods p that fit it. Its entropy is mean(p) ln V + ln K, less E ln Σ V^(p - q) over the
        periods q that fit beside the drawn p. As no period exceeds T / 2, q fits just where x
        repeats with gcd(p, q) (Fine and Wilf 1965); so that last term asks for the least period f
        of what was drawn, which has μ * V^f of the V^p choices (Möbius' count of primitive words).
        It is 2e-4 nats a token at context 8 and below 1e-30 from 64 on. The last token follows from
        the others by the same theorem: with `last` the optimum is 0.
        """
        if last:
            return 0.0
        shortest, longest = self.periods(context)
        known = range(shortest, longest + 1)
        random = ((shortest + longest) / 2 - 1) * math.log(self.vocabulary)
        certain = random + math.log(longest - shortest + 1)
        return (certain - sum(map(self._ambiguous, known, [known] * len(known))) / len(known)) / (
            context
        )

    def _ambiguous(self, period: int, known: range) -> float:
        """E ln Σ V^(period - q) over sequences of this period, in nats."""
        size = float(self.vocabulary)
        total = 0.0
        for least in divisors(period):
            share = sum(
                _moebius(least // part) * size ** (part - period) for part in divisors(least)
            )
            fitting = sum(size ** (period - q) for q in known if q % least == 0)
            total += share * math.log(fitting)
        return total


class Copy(Repeat):
    """Random tokens, then the same again."""

    def periods(self, context: int) -> tuple[int, int]:
        """Half of the context."""
        half = super().periods(context)[1]
        return half, half

    def draw(
        self, random: np.random.Generator, count: int, context: int, held_out: bool = False
    ) -> Ids:
        """(B, T + 1), all with one period."""
        period = np.full((count, 1), self.periods(context)[1])
        return self._repeated(random, count, context, period)


class Reverse(Uniform):
    """Random tokens, then the same backwards; where T + 1 is odd, one more random in between."""

    def __init__(self, alphabet: str = ALPHABET) -> None:
        self.alphabet = alphabet

    def draw(
        self, random: np.random.Generator, count: int, context: int, held_out: bool = False
    ) -> Ids:
        """(B, T + 1)."""
        drawn = random.integers(0, self.vocabulary, (count, context + 1))
        half = (context + 1) // 2
        drawn[:, -half:] = drawn[:, :half][:, ::-1]
        return drawn

    def optimal(self, context: int, last: bool = False) -> float:
        """ln V for each random token but the first, which is given; the others follow, for 0 nats.

        T + 1 tokens, of which the last ⌊(T + 1) / 2⌋ are the first ones: (T - ⌊(T + 1) / 2⌋) ln V
        over T.
        """
        if last:
            return 0.0
        return (context - (context + 1) // 2) * math.log(self.vocabulary) / context


def _moebius(number: int) -> int:
    """Möbius' function: 0 where a square divides it, else -1 for each of its primes."""
    sign, part = 1, 2
    while number > 1:
        if number % part == 0:
            number //= part
            if number % part == 0:
                return 0
            sign = -sign
        part += 1
    return sign
