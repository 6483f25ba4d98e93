"""Runs in Weights & Biases, online or offline as WANDB_MODE says; WANDB_PROJECT names a project."""

from __future__ import annotations

import os
from collections.abc import Sequence

from core.trackers.tracker import PROJECT, About, Row


class WandbTracker:
    """A run of W&B with this run's id; taken up again under it."""

    def __init__(self, about: About) -> None:
        import wandb

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            id=about.id,
            name=about.name,
            dir=str(about.folder),
            config=dict(about.settings),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(
                silent=True, console="off", save_code=False, disable_git=True, x_disable_stats=True
            ),
        )

    def log(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._run.log({**row.values, "seconds": row.seconds}, step=row.step)

    def end(self, state: str) -> None:
        self._run.finish(exit_code=0 if state in ("finished", "stopped") else 1)
