"""Changing the wiring of a network while it trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)
Optimizer = TypeVar("Optimizer", bound=torch.optim.Optimizer)


def rewired(
    old: Network,
    optimizer: Optimizer,
    build: Callable[[], Network],
    build_optimizer: Callable[[Network], Optimizer],
) -> tuple[Network, Optimizer]:
    """The network that `build` makes, with everything that both have taken from `old`.

    A tensor is the same when its name and its shape are; it keeps its value and its moments. What
    is new (the gain of a norm that was off) starts as at step 0 with zero moments. No random number
    is drawn: each parameter's first value depends on the seed and its name alone.
    """
    new = build()
    device = next(old.parameters()).device
    new.to(device)
    kept = old.state_dict()
    with torch.no_grad():
        for name, tensor in new.state_dict().items():
            if name in kept and kept[name].shape == tensor.shape:
                tensor.copy_(kept[name])
    fresh = build_optimizer(new)
    before = dict(old.named_parameters())
    for name, parameter in new.named_parameters():
        past = before.get(name)
        if past is not None and past.shape == parameter.shape and past in optimizer.state:
            fresh.state[parameter] = optimizer.state[past]
    new.train(old.training)
    return new, fresh
