"""Runs in trackio, which keeps them on this machine (TRACKIO_DIR) or in a Space of one's own."""

from __future__ import annotations

import os
from collections.abc import Sequence

from core.trackers.tracker import PROJECT, About, Row


class TrackioTracker:
    """A run of trackio, called as this run."""

    def __init__(self, about: About) -> None:
        import trackio

        self._run = trackio.init(
            project=os.environ.get("TRACKIO_PROJECT") or PROJECT,
            name=about.name,
            config={"run": about.id, **about.settings},
            embed=False,
            resume="allow",
        )

    def log(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._run.log({**row.values, "seconds": row.seconds}, step=row.step)

    def end(self, state: str) -> None:
        self._run.finish()
