"""The settings that are measured."""

from __future__ import annotations

from typing import Any

from core.config import RunConfig


def changed(config: RunConfig, **changes: Any) -> RunConfig:
    """The settings but for `changes`, `__` for a dot."""
    flat = {name.replace("__", "."): value for name, value in changes.items()}
    return RunConfig.from_flat({**config.flat(), **flat})


def steps_alone(config: RunConfig, steps: int) -> RunConfig:
    """So many steps, without evaluations and checkpoints in between."""
    return changed(
        config,
        training__steps=max(steps, config.optimizer.warmup_steps + 1),
        training__evaluate_every=0,
        training__checkpoint_every=0,
    )
