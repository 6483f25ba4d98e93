"""One module a command of ``python -m core``."""

from core.cli import bench, generate, runs, sweep, train
from core.cli.options import Parser, UsageError

__all__ = ["Parser", "UsageError", "bench", "generate", "runs", "sweep", "train"]
