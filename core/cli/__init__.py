"""One module a command of ``python -m core``."""

from core.cli import bench, evidence, export, generate, inspect, runs, sweep, train
from core.cli.options import Parser, UsageError, refuse_invalid_text

__all__ = [
    "Parser",
    "UsageError",
    "bench",
    "evidence",
    "export",
    "generate",
    "inspect",
    "refuse_invalid_text",
    "runs",
    "sweep",
    "train",
]
