"""Runs on disk: create, list, open, read while they grow."""

from core.runs.status import Status
from core.runs.store import Run, RunError, RunStore, describe

__all__ = ["Run", "RunError", "RunStore", "Status", "describe"]
