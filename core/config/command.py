"""Settings as the command line that trains them."""

from __future__ import annotations

import shlex

from core.config import overrides
from core.config.run import RunConfig


def command(config: RunConfig) -> str:
    """`python -m core train` with an option for each setting that is not the default."""
    defaults = RunConfig().flat()
    words = ["python -m core train"]
    for name, value in config.flat().items():
        if value == defaults[name]:
            continue
        if isinstance(value, list | tuple):
            value = overrides.text(value)
        elif isinstance(value, bool):
            value = str(value).lower()
        words.append(f"--{name} {shlex.quote(str(value))}")
    if config.name:
        words.append(f"--name {shlex.quote(config.name)}")
    return " ".join(words)
