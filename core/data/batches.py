"""Which tokens a step reads: a function of (seed, step) alone.

So two runs with one seed see the same data in the same order, whatever else differs between them,
and a resumed run continues exactly where it was.
"""

from __future__ import annotations

import numpy as np

EVALUATION_TOKENS = 16384


class Batches:
    """Random windows of the training tokens."""

    def __init__(self, tokens: np.ndarray, context: int, batch_size: int, seed: int) -> None:
        self._tokens = tokens
        self._offsets = np.arange(context + 1)
        self._batch_size = batch_size
        self._seed = seed

    def at(self, step: int) -> np.ndarray:
        """The windows of a step: (B, T + 1) int64, inputs and, one further, their targets."""
        # Philox is counter-based: the step selects its stream directly, with nothing to replay.
        random = np.random.Generator(np.random.Philox(key=self._seed, counter=[0, 0, 0, step]))
        starts = random.integers(0, len(self._tokens) - len(self._offsets) + 1, self._batch_size)
        windows: np.ndarray = self._tokens[starts[:, None] + self._offsets]  # (B, T + 1)
        return windows.astype(np.int64)


class ImageBatches:
    """Random images of the training part."""

    def __init__(self, images: int, batch_size: int, seed: int) -> None:
        self._images, self._batch_size, self._seed = images, batch_size, seed

    def at(self, step: int) -> np.ndarray:
        """The indices of a step's images, (B,) int64, drawn with replacement."""
        random = np.random.Generator(np.random.Philox(key=self._seed, counter=[0, 0, 0, step]))
        return random.integers(0, self._images, self._batch_size)


def evaluation_windows(tokens: np.ndarray, context: int, count: int | None = None) -> np.ndarray:
    """The same windows at every evaluation: evenly spread over the validation text, (N, T + 1).

    About 16,000 tokens in all, which puts the standard error near 0.01 nats, or at most `count`
    windows; where the text is shorter than the context, one window of what there is.
    """
    context = min(context, len(tokens) - 1)
    fitting = (len(tokens) - 1) // context
    count = min(fitting, max(1, EVALUATION_TOKENS // context)) if count is None else count
    count = min(count, len(tokens) - context)
    starts = np.linspace(0, len(tokens) - 1 - context, count).astype(np.int64)
    windows: np.ndarray = tokens[starts[:, None] + np.arange(context + 1)]  # (N, T + 1)
    return windows.astype(np.int64)
