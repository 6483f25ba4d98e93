"""Stacked feed-forward layers, H' = H + F(H): the smallest network with both *Add* and *Norm*.

B windows or images, T characters of a window, D width, V size of the alphabet or classes.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from core.config import ModelConfig, Shape
from core.language import Message
from core.models.block import Sublayer
from core.models.feedforward import feedforward
from core.models.initialise import initialise
from core.models.layers import Embedding, Linear, dropout
from core.models.norms import norm
from core.models.observe import See, Traced, no_observer
from core.models.stack import Stack


class Layer(nn.Module):
    """One layer, a feed-forward sublayer with its Add and Norm, (B, D) -> (B, D).

    ::

        resid_pre ─ [mlp sublayer] ─ resid_post
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.name = f"blocks.{layer}"
        mlp = f"{self.name}.mlp"
        self.mlp = Sublayer(config, feedforward(config, mlp), mlp, "mlp", layer)

    def forward(self, x: Tensor, see: See = no_observer) -> Tensor:
        x = see(self.name + ".resid_pre", x)
        return see(self.name + ".resid_post", self.mlp(x, see))


class MLP(Traced):
    """A feed-forward network on characters or images.

    ::

        characters (B, T) ─ token ─ side by side ┐
        images (B, C, H, W) ─ flattened ─────────┴ project ─ layers ─ final_norm ─ head ─ logits

    On text it predicts the character after a window of `model.context` of them (Bengio et al.
    2003, JMLR 3), (B, T) int64 -> (B, V); the characters that a shorter window lacks at its start
    are zeros. On images it tells the class, (B, C, H, W) -> (B, V).
    """

    def __init__(self, config: ModelConfig, vocab_size: int, image: Shape | None = None) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.image = image
        if image is None:
            self.token = Embedding(vocab_size, config.width)
        inputs = config.context * config.width if image is None else math.prod(image)
        self.project = Linear(inputs, config.width, config.bias)
        self.drop = dropout(config.dropout)
        self.blocks = Stack(Layer(config, i) for i in range(config.depth))
        self.final_norm = norm(config, config.has_final_norm)
        self.head = Linear(config.width, vocab_size, config.head_bias)
        initialise(self, config)

    def forward(self, inputs: Tensor, see: See = no_observer) -> Tensor:
        """Logits (B, V); every observable passes through `see` on its way."""
        flat = inputs.flatten(1) if self.image else self._window(inputs)  # (B, inputs)
        x = see("embed", self.drop(self.project(flat)))  # (B, D)
        x = self.blocks(x, see)
        x = see("final_norm.out", self.final_norm(x))
        return see("logits", self.head(x))

    def _window(self, tokens: Tensor) -> Tensor:
        missing = self.config.context - tokens.shape[1]
        if missing < 0:
            raise ValueError(
                Message(
                    "model.context: {n} tokens are more than the {context} that this model sees"
                    " at once",
                    n=tokens.shape[1],
                    context=self.config.context,
                )
            )
        vectors = self.token(tokens)  # (B, T, D)
        return nn.functional.pad(vectors, (0, 0, missing, 0)).flatten(1)
