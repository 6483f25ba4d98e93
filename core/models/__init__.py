"""Networks, built from a :class:`core.config.ModelConfig`."""

from __future__ import annotations

from core.config import ModelConfig, Shape
from core.models.groups import parameter_groups
from core.models.mlp import MLP
from core.models.resnet import ResNet
from core.models.skips import profile
from core.models.transformer import Transformer

__all__ = ["build_model", "parameter_groups", "profile"]


def build_model(
    model_config: ModelConfig, vocab_size: int, image: Shape | None = None
) -> Transformer | MLP | ResNet:
    """The network of `model_config` on the processor, initialised from torch.initial_seed().

    ``model(tokens)``: (B, T) int64 -> (B, T, V) logits, from a feed-forward network (B, V) for the
    token after the window; ``model(images)``: (B, C, H, W) of the shape `image` -> (B, V).
    ``model.trace(inputs)``: every observable by its name. The global random state is left as it
    was.
    """
    if model_config.family == "mlp":
        return MLP(model_config, vocab_size, image)
    if model_config.family == "resnet":
        assert image is not None, "RunConfig gives a ResNet a corpus of images"
        return ResNet(model_config, vocab_size, image)
    return Transformer(model_config, vocab_size)
