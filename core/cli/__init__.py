"""One module a command of ``python -m core``."""

from core.cli import bench, generate, inspect, runs, train
from core.cli.options import Parser, UsageError

__all__ = ["Parser", "UsageError", "bench", "generate", "inspect", "runs", "train"]
