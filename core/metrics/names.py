"""The names of metrics."""

from __future__ import annotations

import re


def layer_of(metric: str) -> tuple[str, int | None]:
    """`activation/rms/blocks.3.resid_post` -> (`activation/rms/resid_post`, 3).

    Of all layers, as `activation/rms/resid_post` or with ``blocks.{i}.``, the layer is None.
    """
    found = re.search(r"blocks\.(\d+|\{i\})\.", metric)
    if not found:
        return metric, None
    layer = found.group(1)
    return metric.replace(found.group(0), ""), int(layer) if layer.isdecimal() else None


def flat_names(name: str, width: int) -> list[str]:
    """A metric's columns in a table: itself, or one for each layer."""
    return [f"{name}/layer_{layer}" for layer in range(width)] if width else [name]
