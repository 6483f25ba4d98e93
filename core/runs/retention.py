"""How much of a run is kept on the disk: the rules, and what each part takes now."""

from __future__ import annotations

from pathlib import Path

from core.files import folder_size
from core.language import Message
from core.runs.trash import DAYS

STATES_KEPT = 2  # the newest two: if the last is damaged the one before still resumes
SNAPSHOT_BYTES = 200 * 2**20  # of a run; beyond them every second snapshot goes
ANSWER_BYTES = 512 * 2**20  # of a run; the least recently asked go first
PARTS = ("metrics", "snapshots", "checkpoints", "inspections")

RULES = Message(
    "Metrics and the weights of every checkpoint stay; of the newest"
    " {states} checkpoints what resuming needs besides. A run's attention"
    " takes at most {attention} MB, then every second snapshot goes; its"
    " answers at most {answers} MB, then those asked for least recently."
    " Deleted runs stay {days} days.",
    states=STATES_KEPT,
    attention=SNAPSHOT_BYTES // 2**20,
    answers=ANSWER_BYTES // 2**20,
    days=DAYS,
)


def sizes(run: Path) -> dict[str, int]:
    """Bytes of the parts of a run's directory, `other` for the rest."""
    found = {part: folder_size(run / part) for part in PARTS}
    return {**found, "other": max(folder_size(run) - sum(found.values()), 0)}
