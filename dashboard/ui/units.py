"""What losses of several runs are measured in, in words."""

from __future__ import annotations

from collections.abc import Sequence

from core.runs import Run


def unit_name(runs: Sequence[Run]) -> str:
    """What a loss in nats is for: a character, an image, or a prediction of either."""
    names = {"image" if run.config.image else "character" for run in runs}
    return names.pop() if len(names) == 1 else "prediction"


def baseline(runs: Sequence[Run]) -> str:
    """What the loss of a network that ignores its input is called."""
    return "class entropy" if unit_name(runs) == "image" else "unigram entropy"
