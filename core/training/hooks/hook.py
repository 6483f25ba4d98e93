"""The moments of a training step at which a hook is called."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.training.state import TrainingState

Rows = dict[str, np.ndarray]
Flush = Callable[[], None]


class Hook:
    """Does nothing at any moment; a hook overrides those that it is about."""

    def on_step_start(self, state: TrainingState) -> None:
        """Before the batch is read."""

    def on_measured(self, state: TrainingState) -> None:
        """After the step's row was added; time spent here does not count as the step's."""

    def on_backward(self, state: TrainingState) -> None:
        """Between the gradients and the update."""

    def on_update(self, state: TrainingState) -> None:
        """After the update."""

    def on_step_end(self, state: TrainingState) -> None:
        """After the step was counted."""

    def on_rewired(self, state: TrainingState) -> None:
        """After the network was replaced."""

    def on_flush(self, state: TrainingState, rows: Rows | None) -> None:
        """After a flush; `rows` are those of the steps, None where there were none."""

    def on_finish(self, state: TrainingState) -> None:
        """After the last step."""


def is_due(step: int, every: int) -> bool:
    """Whether something that happens every so many steps, 0 for never, happens now."""
    return every > 0 and step % every == 0
