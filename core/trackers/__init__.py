"""Runs as they train, sent to other programs too: TensorBoard, W&B, MLflow, trackio.

A module a program, each optional. `sending.py` gives each a thread of its own and a bounded queue:
whatever a program does, or does not, training goes on as if it were not there.
"""

from core.trackers.chosen import KINDS, UnknownTrackerError, named
from core.trackers.sending import Sending

__all__ = ["KINDS", "Sending", "UnknownTrackerError", "named"]
