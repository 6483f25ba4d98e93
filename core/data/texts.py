"""A corpus of tokens, and the windows of it that a run reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from core.data.batches import Batches, evaluation_windows
from core.data.tokenizers import Tokens, log_frequencies

TRAINING_SHARE = 0.9


class Source(Protocol):
    """Batches of training windows by step."""

    def at(self, step: int) -> np.ndarray:
        """The windows of a step, (B, T + 1) int64: a function of (seed, step) alone."""


@dataclass(frozen=True)
class Text:
    """A corpus as tokens, with what is known of it before any training.

    Entropies are in nats per token: `unigram_entropy` that of the training part, which is where
    a network that ignores its input ends up; `unigram_validation` the cross-entropy of the
    validation part under the training part's frequencies.
    """

    name: str
    sha256: str
    tokens: Tokens
    unigram_entropy: float
    unigram_validation: float

    unit = "character"

    @property
    def length(self) -> int:
        """Tokens in all; 0 where they are made anew at every step."""
        return len(self.tokens.ids)

    @property
    def vocabulary(self) -> int:
        """Size of the alphabet, V."""
        return len(self.tokens.alphabet)

    @property
    def training(self) -> np.ndarray:
        """The first 90 % of the tokens."""
        return self.tokens.ids[: int(TRAINING_SHARE * len(self.tokens.ids))]

    @property
    def validation(self) -> np.ndarray:
        """The last 10 % of the tokens."""
        return self.tokens.ids[len(self.training) :]

    @property
    def log_unigram(self) -> np.ndarray:
        """Natural logarithm of each token's share in the training part, (V,)."""
        return log_frequencies(self.training, self.vocabulary)

    def batches(self, context: int, batch_size: int, seed: int) -> Source:
        """The batches of the steps of training: windows of `context` tokens and the one after."""
        return Batches(self.training, context, batch_size, seed)

    def windows(self, context: int, count: int | None = None) -> np.ndarray:
        """Held-out windows, the same at every call: (N, T + 1) int64, N at most `count`."""
        return evaluation_windows(self.validation, context, count)

    def floor(self, context: int) -> float | None:
        """The lowest mean loss that any network can have, in nats; None where nobody knows it."""
        return None
