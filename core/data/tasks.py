"""Synthetic tasks: sequences of random tokens whose later part follows from the earlier one.

``repeat``: random tokens that repeat with a period drawn for each sequence, a quarter to half of
the context. To predict the repetition a model has to look up what followed the same token before,
which takes two layers of attention (the induction head: Elhage et al. 2021, Olsson et al. 2022,
arXiv 2209.11895); the period is random because a fixed one lets a single layer copy by position
alone. ``copy``: that fixed period, half of the context. ``sort``: the second half is the first one
in order.

The loss is taken at every position, also where tokens are pure chance: it costs a few hundred steps
of training against a masked loss, and every loss of this laboratory keeps one meaning. What can't
be predicted is known exactly, see :meth:`Synthetic.floor`.
"""

from __future__ import annotations

import hashlib
import math
import string
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.batches import EVALUATION_TOKENS
from core.data.downloads import CorpusError
from core.data.texts import Source, Text
from core.data.tokenizers import Tokens

ALPHABET = "".join(sorted("+/" + string.digits + string.ascii_letters))
LEAST_CONTEXT = 8
SAMPLE = (2048, 64)  # sequences and their tokens, for who reads a corpus as one text
HELD_OUT = 2**64 - 1  # the validation's key; a training seed is below 2^32

Ids = NDArray[np.int64]


def periods(context: int) -> tuple[int, int]:
    """The shortest and the longest period of ``repeat``, in tokens."""
    return max(2, context // 4), max(2, context // 2)


def _repeat(random: np.random.Generator, count: int, context: int) -> Ids:
    shortest, longest = periods(context)
    period = random.integers(shortest, longest + 1, (count, 1))
    return _repeated(random, count, context, period)


def _copy(random: np.random.Generator, count: int, context: int) -> Ids:
    return _repeated(random, count, context, np.full((count, 1), periods(context)[1]))


def _repeated(random: np.random.Generator, count: int, context: int, period: Ids) -> Ids:
    drawn = random.integers(0, len(ALPHABET), (count, context + 1))
    return np.take_along_axis(drawn, np.arange(context + 1) % period, axis=1)


def _sort(random: np.random.Generator, count: int, context: int) -> Ids:
    drawn = random.integers(0, len(ALPHABET), (count, context + 1))
    half = (context + 1) // 2
    drawn[:, -half:] = np.sort(drawn[:, :half], axis=1)
    return drawn


TASKS: dict[str, Callable[[np.random.Generator, int, int], Ids]] = {
    "repeat": _repeat,
    "copy": _copy,
    "sort": _sort,
}


@dataclass(frozen=True)
class Sequences:
    """Sequences of a task, drawn anew at every step."""

    task: str
    context: int
    batch_size: int
    seed: int

    def at(self, step: int) -> Ids:
        """The sequences of a step: (B, T + 1), inputs and, one further, their targets."""
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, step]))
        return TASKS[self.task](random, self.batch_size, self.context)


class Synthetic(Text):
    """A task as a corpus without end: every single token is equally likely.

    `tokens` are a sample of it; training, evaluation and analyses draw whole sequences.
    """

    unit = "token"

    @property
    def length(self) -> int:
        """0: they are made anew at every step."""
        return 0

    @property
    def log_unigram(self) -> np.ndarray:
        """-ln V for each token, (V,)."""
        return np.full(self.vocabulary, -math.log(self.vocabulary))

    def batches(self, context: int, batch_size: int, seed: int) -> Source:
        """Fresh sequences for every step. Raises :class:`CorpusError` for a tiny context."""
        check_context(self.name, context)
        return Sequences(self.name, context, batch_size, seed)

    def windows(self, context: int, count: int | None = None) -> Ids:
        """Sequences that no training step draws, the same at every call, (N, T + 1)."""
        count = max(1, EVALUATION_TOKENS // context) if count is None else count
        return Sequences(self.name, context, count, HELD_OUT).at(0)

    def floor(self, context: int) -> float | None:
        """The lowest mean loss that any network can have, in nats; None for ``sort``.

        The entropy of a sequence without its first token, which is given: ln V for each other token
        of the first period, and the logarithm of how many periods there are.
        """
        if self.name == "sort":
            return None
        shortest, longest = periods(context)
        if self.name == "copy":
            shortest = longest
        random = ((shortest + longest) / 2 - 1) * math.log(self.vocabulary)
        return (random + math.log(longest - shortest + 1)) / context


def synthetic(task: str) -> Synthetic:
    """A task as a corpus; needs neither disk nor network."""
    sequences, length = SAMPLE
    ids = Sequences(task, length - 1, sequences, HELD_OUT).at(0).astype(np.uint16).ravel()
    sha = hashlib.sha256(task.encode() + ids.tobytes()).hexdigest()
    entropy = math.log(len(ALPHABET))
    return Synthetic(task, sha, Tokens(ids, ALPHABET), entropy, entropy)


def check_context(task: str, context: int) -> None:
    """Raises :class:`CorpusError` where a sequence is too short for its parts."""
    if context < LEAST_CONTEXT:
        raise CorpusError(
            f"{task} needs model.context {LEAST_CONTEXT} or more, so that a sequence holds both"
            " what is random and what follows from it"
        )
