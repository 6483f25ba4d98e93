"""One module a command of ``python -m core``."""

from core.cli import bench, generate, runs, train
from core.cli.options import UsageError

__all__ = ["UsageError", "bench", "generate", "runs", "train"]
