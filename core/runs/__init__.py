"""Runs on disk: create, list, open, read while they grow."""

from core.metrics.series import Cursor
from core.runs.status import Status
from core.runs.store import Run, RunError, RunStore, describe

__all__ = ["Cursor", "Run", "RunError", "RunStore", "Status", "describe"]
