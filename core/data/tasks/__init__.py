"""Synthetic tasks: sequences without end whose lowest possible loss is known exactly.

A task is a :class:`~core.data.tasks.task.Task`: what it draws, which predictions count, its optimal
loss and what can be known without reading the input. What it is called and which settings it has
stands in `core.config.tasks`; :class:`Synthetic` makes a corpus of it.

The loss is taken at every position, also where tokens are pure chance: it costs a few hundred steps
of training against a masked loss, and every loss of this laboratory keeps one meaning. Modular
addition is the exception: all of its tokens but the answers are chance, and whether a network has
found the rule or a table is asked of the answers alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from core.config import SYNTHETIC, DataConfig
from core.config.tasks import TASKS as ROWS
from core.data.batches import EVALUATION_TOKENS
from core.data.downloads import CorpusError
from core.data.tasks.addition import Addition
from core.data.tasks.brackets import Brackets
from core.data.tasks.markov import Markov
from core.data.tasks.repeats import Copy, Repeat, Reverse
from core.data.tasks.sort import Sort
from core.data.tasks.task import Bools, Ids, Task
from core.data.texts import Baseline, Source, Text
from core.data.tokenizers import Tokens
from core.language import Message

SAMPLE = (2048, 64)  # sequences and their tokens, for who reads a corpus as one text
HELD_OUT = 2**64 - 1  # the validation's key; a training seed is below 2^32

MADE: dict[str, Callable[[DataConfig], Task]] = {
    "repeat": lambda data: Repeat(),
    "copy": lambda data: Copy(),
    "sort": lambda data: Sort(),
    "reverse": lambda data: Reverse(),
    "addition": lambda data: Addition(data.modulus, data.held_out),
    "brackets": lambda data: Brackets(data.kinds, data.nesting),
    "markov": lambda data: Markov(data.letters, data.order),
}


@dataclass(frozen=True)
class Sequences:
    """Sequences of a task, drawn anew at every step."""

    task: Task
    context: int
    batch_size: int
    seed: int

    def at(self, step: int) -> Ids:
        """The sequences of a step: (B, T + 1), inputs and, one further, their targets."""
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, step]))
        return self.task.draw(random, self.batch_size, self.context, self.seed == HELD_OUT)


@dataclass(frozen=True)
class Synthetic(Text):
    """A task as a corpus without end.

    `tokens` are a sample of it; training, evaluation and analyses draw whole sequences.
    """

    task: Task = field(kw_only=True)

    unit = "token"
    bytes_per_token = None

    @property
    def length(self) -> int:
        """0: they are made anew at every step."""
        return 0

    @property
    def log_unigram(self) -> np.ndarray:
        """Natural logarithm of each token's share among the targets, at all places, (V,)."""
        shares = np.exp(self.baseline(SAMPLE[1] - 1).log).mean(0)
        return np.asarray(np.log(np.maximum(shares, np.finfo(float).tiny)))

    def batches(self, context: int, batch_size: int, seed: int) -> Source:
        """Fresh sequences for every step. Raises :class:`CorpusError` for a tiny context."""
        check_context(self, context)
        return Sequences(self.task, context, batch_size, seed)

    def windows(self, context: int, count: int | None = None) -> Ids:
        """Sequences that no training step draws, the same at every call, (N, T + 1)."""
        count = max(1, EVALUATION_TOKENS // context) if count is None else count
        return Sequences(self.task, context, count, HELD_OUT).at(0)

    def scored(self, context: int) -> Bools | None:
        """Which predictions count, (T,); None where all of them do."""
        known = self.task.scored(context)
        return None if known.all() else known

    def baseline(self, context: int, last: bool = False) -> Baseline:
        """What the task's frequencies alone say of each prediction."""
        return self.task.baseline(context, last)

    def optimal(self, context: int, last: bool = False) -> float:
        """The task's optimal loss, in nats."""
        return self.task.optimal(context, last)


def synthetic(data: DataConfig) -> Synthetic:
    """A task as a corpus; needs neither disk nor network."""
    name, row = data.corpus, ROWS[data.corpus]
    task = MADE[name](data)
    sequences, length = SAMPLE
    drawn = Sequences(task, length - 1, sequences, HELD_OUT).at(0)
    ids = drawn.astype(np.uint16).ravel()
    # What names the task and its settings, so that two of one sample are told apart.
    about = " ".join([name, *(f"{one}={getattr(data, one)}" for one in row.settings)])
    sha = hashlib.sha256(about.encode() + ids.tobytes()).hexdigest()
    known = task.baseline(length - 1)
    tokens = Tokens(ids, task.alphabet)
    return Synthetic(name, sha, tokens, known.entropy, known.validation, task=task)


def check_context(text: Synthetic, context: int) -> None:
    """Raises :class:`CorpusError` where a sequence is too short for its parts."""
    least = text.task.least_context
    if context < least:
        raise CorpusError(
            Message(
                "{name} needs model.context {least} or more, {why}",
                name=text.name,
                least=least,
                why=text.task.why_least,
            )
        )


__all__ = [
    "HELD_OUT",
    "MADE",
    "SAMPLE",
    "SYNTHETIC",
    "Ids",
    "Sequences",
    "Synthetic",
    "Task",
    "check_context",
    "synthetic",
]
