"""The language model around the blocks.

B sequences, T tokens, D width, V size of the alphabet.
"""

from __future__ import annotations

import math

from torch import Tensor

from core.config import ModelConfig
from core.language import Message
from core.models.block import Block
from core.models.initialise import initialise
from core.models.layers import Embedding, Linear, dropout
from core.models.norms import norm
from core.models.observe import See, Traced, no_observer
from core.models.positions import added_positions, rotation, score_bias
from core.models.shared import Shared
from core.models.stack import Stack


class Transformer(Traced):
    """A causal language model (Radford et al. 2018), (B, T) int64 -> (B, T, V) logits.

    ::

        tokens ─ token (· sqrt D) ─ + positions ─ embedding_norm ─ dropout ─┐
                            logits ─ head ─ final_norm ─ blocks ────────────┘

    ``causal: false`` makes it an encoder, whose tokens see the whole sequence.

    In a `trace`, ``attn.q|k|v`` are (B, H, T, d), ``attn.scores|pattern`` (B, H, T, T),
    ``mlp.pre|post`` (B, T, hidden), ``logits`` (B, T, V), all others (B, T, D). What the network
    lacks is absent, with one exception: ``final_norm.out`` is what the head reads, without a final
    norm the stream as it leaves the last block.

    Raises ValueError where T exceeds ``model.context``.
    """

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.token = Embedding(vocab_size, config.width)
        self.token_scale = math.sqrt(config.width) if config.embedding_scale else 1.0
        self.positions = added_positions(config)
        self.embedding_norm = norm(config, config.embedding_norm)
        self.drop = dropout(config.dropout)
        shared = Shared(rotation(config), score_bias(config))
        self.first = shared.first
        blocks = (Block(config, shared, i) for i in range(config.depth))
        self.blocks = Stack(blocks, shared.first)
        self.final_norm = norm(config, config.has_final_norm)
        self.head = Linear(config.width, vocab_size, config.head_bias)
        if config.tie_embeddings:
            self.head.weight = self.token.weight
        initialise(self, config)

    def forward(self, tokens: Tensor, see: See = no_observer) -> Tensor:
        """Logits, (B, T) -> (B, T, V); every observable passes through `see` on its way."""
        if tokens.shape[1] > self.config.context:
            raise ValueError(
                Message(
                    "model.context: {n} tokens are more than the {context} that this model sees"
                    " at once",
                    n=tokens.shape[1],
                    context=self.config.context,
                )
            )
        x = self.token(tokens)  # (B, T, D)
        if self.token_scale != 1.0:
            x = x * self.token_scale
        x = see("embed", self.drop(self.embedding_norm(self.positions(x))))
        x = self.blocks(x, see)
        x = see("final_norm.out", self.final_norm(x))
        return see("logits", self.head(x))
