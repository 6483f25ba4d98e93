"""A corpus of tokens, and the windows of it that a run reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from core.data.batches import Batches, evaluation_windows
from core.data.subwords import Subwords
from core.data.tokenizers import (
    ByteTokenizer,
    CharacterTokenizer,
    Tokenizer,
    Tokens,
    cross_entropy,
    log_frequencies,
    log_shares,
)

TRAINING_SHARE = 0.9


class Source(Protocol):
    """Batches of training windows by step."""

    def at(self, step: int) -> np.ndarray:
        """The windows of a step, (B, T + 1) int64: a function of (seed, step) alone."""


class Baseline(NamedTuple):
    """What can be known of the targets without reading the input. Entropies in nats.

    `log` has the natural logarithm of each token's share among the targets of training, by place
    (T, V), or (1, V) where all places are alike. `entropy` is the mean loss that these shares have
    in training, `validation` that on the validation part. `words` is how sentences call them, a key
    of `core.config.units`; None: as the unit says.
    """

    log: np.ndarray
    entropy: float
    validation: float
    words: str | None = None

    def loss(self, targets: np.ndarray, counts: np.ndarray | None = None) -> float:
        """The mean loss of targets (B, T) or (B,) under these shares, where they count, (B, T)."""
        there = targets if counts is None else np.where(counts, targets, 0)
        log = self.log[0][there] if len(self.log) == 1 else self.log[range(len(self.log)), there]
        return -float((log if counts is None else log[counts]).mean())


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
    # A key of `core.config.units`, where the unit's own words are not right.
    words: ClassVar[str | None] = None

    @property
    def tokenizer(self) -> Tokenizer:
        """What cuts other texts as this one is cut."""
        return CharacterTokenizer("".join(self.tokens.alphabet))

    @cached_property
    def bytes_per_token(self) -> float | None:
        """Bytes of UTF-8 that a token of the held-out part stands for, in the mean; None of tasks,
        which are no text."""
        return self.tokenizer.bytes_of(self.validation) / len(self.validation)

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

    def scored(self, context: int) -> np.ndarray | None:
        """Which predictions count, (T,); None where all of them do."""
        return None

    def baseline(self, context: int, last: bool = False) -> Baseline:
        """The training part's frequencies; `last`: of a network that predicts the last token."""
        entropies = self.unigram_entropy, self.unigram_validation
        return Baseline(self.log_unigram[None], *entropies, self.words)

    def optimal(self, context: int, last: bool = False) -> float | None:
        """The lowest mean loss that any network can have, in nats.

        None here: the entropy of what people wrote is not known, and a run's own best loss is no
        bound.
        """
        return None


@dataclass(frozen=True)
class SubwordText(Text):
    """A corpus in the tokens of a pretrained model; entropies are per token, too."""

    own: Subwords = field(kw_only=True)

    unit = "token"
    words = "subword"

    @property
    def tokenizer(self) -> Subwords:
        """The model's."""
        return self.own


@dataclass(frozen=True)
class PreparedText(Text):
    """A corpus whose tokens lie on the disk, of any tokenizer; what has to be counted is known.

    `counts` (V,) are those of the training part.
    """

    own: Tokenizer = field(kw_only=True)
    counts: np.ndarray = field(kw_only=True)
    held_out_bytes: int = field(kw_only=True)

    @classmethod
    def of(
        cls,
        name: str,
        sha: str,
        tokens: Tokens,
        own: Tokenizer,
        counts: np.ndarray,
        held_out_bytes: int,
    ) -> PreparedText:
        """From the counts of both parts, (2, V)."""
        training, validation = counts
        entropies = cross_entropy(training, training), cross_entropy(validation, training)
        return cls(name, sha, tokens, *entropies, own=own, counts=training,
                   held_out_bytes=held_out_bytes)  # fmt: skip

    @property
    def tokenizer(self) -> Tokenizer:
        """What it was cut with."""
        return self.own

    @property
    def vocabulary(self) -> int:
        """Size of the alphabet, V."""
        return len(self.counts)

    @property
    def unit(self) -> str:  # type: ignore[override]
        """What one of its tokens is."""
        return unit_of(self.own)

    @property
    def words(self) -> str | None:  # type: ignore[override]
        """`subword` where it has these."""
        return "subword" if isinstance(self.own, Subwords) else None

    @cached_property
    def bytes_per_token(self) -> float | None:
        """Bytes of UTF-8 that a token of the held-out part stands for, in the mean."""
        return self.held_out_bytes / len(self.validation)

    @property
    def log_unigram(self) -> np.ndarray:
        """Natural logarithm of each token's share in the training part, (V,)."""
        return log_shares(self.counts)


def unit_of(tokenizer: Tokenizer) -> str:
    """What one of its tokens is called, a key of `core.config.units`."""
    if isinstance(tokenizer, ByteTokenizer):
        return "byte"
    return "character" if isinstance(tokenizer, CharacterTokenizer) else "token"
