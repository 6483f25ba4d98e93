"""Jobs: start, queue and steer runs. Importing it does not import torch."""

from core.jobs.launcher import control, delete, enqueue, move, revive
from core.jobs.queue import waiting
from core.jobs.slots import Machine, machine

__all__ = ["Machine", "control", "delete", "enqueue", "machine", "move", "revive", "waiting"]
