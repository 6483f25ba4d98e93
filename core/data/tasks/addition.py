"""``addition``: sums modulo m, of which only the answers count.

`3+5=1;6+2=1`: each number below m is one token. A sequence ends with an answer. Without held-out
pairs all m² of them are drawn, in training and in validation; with some, training never shows them
and validation shows nothing else, so that a network which memorised its table fails there until it
finds the rule, often long after (grokking: Power et al. 2022, arXiv 2201.02177).
"""

from __future__ import annotations

import numpy as np

from core.config.tasks import NUMBERS
from core.data.tasks.task import Bools, Ids, Shares, Task
from core.language import Message

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MORE = "αβγδεζηθικλμνξοπρστυφχψωабвгдежзийклмнопрстуфхцчшщъыьэюя"
SIGNS = "+=;"
LENGTH = 6  # of `a+b=c;`
SPLIT = 20220106  # the key by which pairs are held out: the same for every seed
assert len(DIGITS + MORE) >= NUMBERS


class Addition(Task):
    """c = (a + b) mod m."""

    least_context = LENGTH - 2
    why_least = Message("so that a sequence holds one whole sum")
    words = "answer"

    def __init__(self, modulus: int, held_out: float = 0.0) -> None:
        self.modulus = modulus
        self.alphabet = (DIGITS + MORE)[:modulus] + SIGNS
        random = np.random.Generator(np.random.Philox(key=SPLIT, counter=[0, 0, 0, modulus]))
        pairs = random.permutation(modulus**2)
        shown = max(1, round((1 - held_out) * len(pairs)))
        self.training: Ids = pairs[:shown] if held_out else np.arange(modulus**2)
        self.validation: Ids = pairs[shown:] if shown < len(pairs) else self.training

    def draw(
        self, random: np.random.Generator, count: int, context: int, held_out: bool = False
    ) -> Ids:
        """(B, T + 1), the end of a row of sums, cut off at its front."""
        many = -(-(context + 1) // LENGTH)
        pairs = self.validation if held_out else self.training
        drawn = pairs[random.integers(0, len(pairs), (count, many))]
        first, second = np.divmod(drawn, self.modulus)
        plus, equals, semicolon = (np.full_like(first, self.modulus + i) for i in range(3))
        answer = (first + second) % self.modulus
        rows = np.stack([semicolon, first, plus, second, equals, answer], axis=-1)
        return rows.reshape(count, -1)[:, -(context + 1) :]

    def scored(self, context: int) -> Bools:
        """Answers whose whole sum is in the sequence."""
        place = np.arange(1, context + 1)  # of the target in the sequence
        return np.asarray(((context - place) % LENGTH == 0) & (place >= self.least_context))

    def optimal(self, context: int, last: bool = False) -> float:
        """0: an answer follows from its sum."""
        return 0.0

    def shares(self, context: int, held_out: bool = False) -> Shares:
        """How often each answer occurs among the pairs, (1, V); signs are no answers.

        Without held-out pairs 1 / m each, as for every a one b gives each answer.
        """
        pairs = self.validation if held_out else self.training
        first, second = np.divmod(pairs, self.modulus)
        counts = np.bincount((first + second) % self.modulus, minlength=self.vocabulary)
        if not held_out:  # one that training never shows still gets a finite loss
            counts[: self.modulus] = np.maximum(counts[: self.modulus], 1)
        return np.asarray(counts / counts.sum())[None]
