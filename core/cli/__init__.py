"""One module a command of ``python -m core``."""

from core.cli import (
    adopt,
    bench,
    evidence,
    export,
    generate,
    inspect,
    mcp,
    publish,
    runs,
    schema,
    sweep,
    train,
)
from core.cli.help import spoken_help
from core.cli.options import Parser, UsageError, refuse_invalid_text

__all__ = [
    "Parser",
    "UsageError",
    "adopt",
    "bench",
    "evidence",
    "export",
    "generate",
    "inspect",
    "mcp",
    "publish",
    "refuse_invalid_text",
    "runs",
    "schema",
    "spoken_help",
    "sweep",
    "train",
]
