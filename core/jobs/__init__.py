"""Jobs: start, queue and steer runs. Importing it does not import torch."""

from core.jobs.local import control, enqueue, revive, waiting
from core.jobs.places import Machine, machine

__all__ = ["Machine", "control", "enqueue", "machine", "revive", "waiting"]
