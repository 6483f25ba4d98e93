"""The feed-forward sublayer. B sequences, T tokens, D width, M hidden units."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from core.config import PLACEMENTS, ModelConfig
from core.models.layers import Linear, dropout
from core.models.norms import norm
from core.models.observe import See, no_observer

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "swiglu": nn.SiLU,
}


class FeedForward(nn.Module):
    """W_out N(φ(W_in x)) (Vaswani et al. 2017, section 3.3), (B, T, D) -> (B, T, D).

    N is the identity but for Sub-LN (Magneto, arXiv 2210.06423) and NormFormer (arXiv 2110.09456),
    which norm the hidden units after the activation. Observables: ``pre`` and ``post``, before and
    after φ, and ``out``.
    """

    def __init__(self, config: ModelConfig, name: str) -> None:
        super().__init__()
        self.name = name
        self.w_in = Linear(config.width, config.hidden, config.bias)
        self.activation = ACTIVATIONS[config.activation]()
        inside = "hidden" in PLACEMENTS[config.placement].feedforward
        self.hidden_norm = norm(config, inside, config.hidden)
        self.w_out = Linear(config.hidden, config.width, config.bias)
        self.drop_hidden = dropout(config.dropout)
        self.drop = dropout(config.dropout)

    def hidden(self, x: Tensor, see: See) -> Tensor:
        """The hidden units, which W_out (or the norm before it) reads, (B, T, D) -> (B, T, M)."""
        pre = see(self.name + ".pre", self.w_in(x))  # (B, T, M)
        return see(self.name + ".post", self.activation(pre))

    def forward(self, x: Tensor, see: See = no_observer) -> Tensor:
        hidden = self.drop_hidden(self.hidden(x, see))  # (B, T, M)
        return see(self.name + ".out", self.drop(self.w_out(self.hidden_norm(hidden))))


class GatedFeedForward(FeedForward):
    """W_out (SiLU(W_gate x) ⊙ W_in x), SwiGLU (Shazeer 2020, arXiv 2002.05202), same shapes.

    ``pre`` is the gate's input to SiLU, ``post`` the product that W_out reads.
    """

    def __init__(self, config: ModelConfig, name: str) -> None:
        super().__init__(config, name)
        self.w_gate = Linear(config.width, config.hidden, config.bias)

    def hidden(self, x: Tensor, see: See) -> Tensor:
        pre = see(self.name + ".pre", self.w_gate(x))  # (B, T, M)
        return see(self.name + ".post", self.activation(pre) * self.w_in(x))


def feedforward(config: ModelConfig, name: str) -> nn.Module:
    """The config's feed-forward network; `name` prefixes its observables."""
    return (GatedFeedForward if config.activation == "swiglu" else FeedForward)(config, name)
