"""Short words for tables: a run's state."""

from __future__ import annotations

from core.runs.verdicts import Kind
from dashboard.compare.catalogue import Entry

# Kinds of verdicts that a table warns of, beside the states that it warns of.
DEAD: tuple[Kind, ...] = ("plateau", "above")
ENDED_BADLY = ("diverged", "failed", "interrupted")


def state_of(entry: Entry) -> tuple[str, str]:
    """What a narrow column says of a run's state, and what it warns of ("" for nothing)."""
    found, kind = entry.digest, entry.digest.verdict.kind
    part = f" {100 * found.step // found.steps} %" if found.steps else ""
    words = {
        "queued": "waiting",
        "starting": "starting",
        "running": f"training{part}",
        "paused": f"paused{part}",
        "finished": kind if kind in DEAD else "done",
        "stopped": f"stopped {found.step:,}",
        "interrupted": f"interrupted {found.step:,}",
        "diverged": f"diverged {found.diverged_at or found.step:,}",
        "failed": "failed",
    }
    warns: str = found.state if found.state in ENDED_BADLY else ""
    if not warns and kind in (*DEAD, "diverged"):
        warns = kind
    return words[found.state], warns
