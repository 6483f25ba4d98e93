"""Settings as the command line that trains them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from core.config import overrides
from core.config.fork_point import ForkPoint
from core.config.run import RunConfig


def command(config: RunConfig, fork: ForkPoint | None = None) -> str:
    """`python -m core train` with an option for each setting that is not the default; of a `fork`
    for each that its parent has otherwise.
    """
    defaults = (RunConfig() if fork is None else fork.config).flat()
    words = ["python -m core train" + (f" --fork {shlex.quote(fork.key)}" if fork else "")]
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


def adopting(source: Mapping[str, Any], config: RunConfig) -> str:
    """The command that makes a run of a pretrained model again: `source` as `Run.source`, with the
    context and the text of `config`."""
    words = ["python -m core adopt", shlex.quote(str(source.get("name", "")))]
    words.append(f"--context {config.model.context}")
    if config.data.path:
        words.append(f"--text {shlex.quote(config.data.path)}")
    if config.name and config.name != source.get("name"):
        words.append(f"--name {shlex.quote(config.name)}")
    return " ".join(words)
