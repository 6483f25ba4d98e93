"""The step at which a run diverges."""

from __future__ import annotations

from core.probes.alarms import first_not_finite
from core.training.hooks.hook import Hook, Rows
from core.training.state import TrainingState


class Divergence(Hook):
    """Marks the step at which the loss or the gradient stopped being finite."""

    def on_flush(self, state: TrainingState, rows: Rows | None) -> None:
        if rows is not None and state.diverged_at is None:
            at = first_not_finite(rows)
            state.diverged_at = None if at is None else int(rows["step"][at])
