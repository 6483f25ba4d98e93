"""The blocks of a network one after the other, with or without what they compute kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from core.models.observe import See, no_observer
from core.models.shared import FirstValues


class Stack(nn.ModuleList):
    """Blocks in their order, x -> block_L(… block_1(x)), whatever the shape of x.

    With `recompute` a training pass keeps the input of each block alone, and the backward pass
    computes the block's activations again (Chen et al. 2016, arXiv 1604.06174): the same numbers to
    the bit, dropout's masks included. `first` is what the blocks share within a pass.
    """

    def __init__(self, blocks: Iterable[nn.Module] = (), first: FirstValues | None = None) -> None:
        super().__init__(blocks)
        self.first = first or FirstValues()
        self.recompute = False

    def forward(self, x: Tensor, see: See = no_observer) -> Tensor:
        again = self.recompute and self.training and torch.is_grad_enabled() and see is no_observer
        for block in self:
            x = self._kept_as_its_input(block, x) if again else block(x, see)
        self.first.values = None  # a pass leaves nothing behind
        return x

    def _kept_as_its_input(self, block: nn.Module, x: Tensor) -> Tensor:
        def run(x: Tensor, first: Tensor | None) -> tuple[Tensor, Tensor | None]:
            outside, self.first.values = self.first.values, first
            try:
                return block(x), self.first.values
            finally:
                self.first.values = outside

        x, self.first.values = checkpoint(
            run,
            x,
            self.first.values,
            use_reentrant=False,
            context_fn=lambda: (contextlib.nullcontext(), _statistics_kept(block)),
        )
        return x


@contextlib.contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """BatchNorm counts a block's second pass in copies of its running statistics: once is right."""
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)]
    kept = [dict(norm.named_buffers()) for norm in norms]
    try:
        for norm, buffers in zip(norms, kept, strict=True):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer.clone())
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)
