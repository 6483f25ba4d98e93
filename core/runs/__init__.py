"""Runs on disk: create, list, open, read while they grow."""

from core.runs.errors import RunError
from core.runs.run import Run
from core.runs.status import Status
from core.runs.store import RunStore, describe

__all__ = ["Run", "RunError", "RunStore", "Status", "describe"]
