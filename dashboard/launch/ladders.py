"""Numbers that are offered for a setting where some runs are started beside each other."""

from __future__ import annotations

LADDERS: dict[str, tuple[float, ...]] = {
    "model.depth": (2, 4, 6, 8, 12, 24, 48),
    "model.blocks_per_stage": (1, 2, 3, 4),
    "model.width": (16, 32, 64, 128, 256),
    "optimizer.learning_rate": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "optimizer.warmup_steps": (0, 50, 100, 200, 400),
    "training.batch_size": (4, 8, 16, 32, 64),
    "training.steps": (100, 200, 300, 600, 1000, 2000),
}
