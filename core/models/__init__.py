"""Networks, built from a :class:`core.config.ModelConfig`."""

from __future__ import annotations

from core.config import ModelConfig
from core.models.groups import parameter_groups
from core.models.transformer import Transformer

__all__ = ["build_model", "parameter_groups"]


def build_model(model_config: ModelConfig, vocab_size: int) -> Transformer:
    """The network of `model_config` on the processor, initialised from torch.initial_seed().

    ``model(tokens)``: (B, T) int64 -> (B, T, V) logits; ``model.trace(tokens)``: every observable
    by its name. The global random state is left as it was.
    """
    return Transformer(model_config, vocab_size)
