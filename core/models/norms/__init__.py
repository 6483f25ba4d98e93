"""The *Norm* box: what ``norm`` in the config may be, one module of this folder for each.

A module's name is the norm's name in the config, on the command line and in the page; its row in
core.config.norms says what needs no torch. It holds ``build(size, epsilon, bias) -> nn.Module``
over the last axis, (..., size) -> (..., size), born with its initial values.
"""

from __future__ import annotations

import importlib

from torch import nn

from core.config import ModelConfig


def norm(config: ModelConfig, on: bool = True, size: int | None = None) -> nn.Module:
    """The config's norm over the last axis, (..., size) -> same; the identity where it is off.

    `size` is the width unless said otherwise.
    """
    if not on or config.norm == "none":
        return nn.Identity()
    module = importlib.import_module(f"{__name__}.{config.norm}")
    built: nn.Module = module.build(size or config.width, config.norm_epsilon, config.bias)
    return built
