"""Looking inside a network while it computes: one callback, one set of names.

Every module's forward takes ``see(name, tensor) -> tensor`` and passes each observable through it.
What `see` returns is what the network goes on with, so one callback can record (`trace`), or
change (switch off a head) without a second forward path.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

See = Callable[[str, Tensor], Tensor]


def no_observer(name: str, tensor: Tensor) -> Tensor:
    """The callback of a forward that nobody watches; attention then takes its fused path."""
    return tensor


class Recorder(dict[str, Tensor]):
    """A callback that keeps every observable it is shown, by name, in order of computation."""

    def __call__(self, name: str, tensor: Tensor) -> Tensor:
        self[name] = tensor
        return tensor


class Traced(nn.Module):
    """A network whose forward takes a callback ``see``."""

    def trace(self, inputs: Tensor) -> dict[str, Tensor]:
        """Every observable of one forward pass by its name, in the order of computation.

        The mode (train or eval) and the gradient are the caller's.
        """
        seen = Recorder()
        self(inputs, seen)
        return dict(seen)
