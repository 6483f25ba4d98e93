"""Batches made one step ahead, while the step before is computed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from core.training.objectives import Batch


class Ahead:
    """Makes the batch of the next step in a thread; a batch is a function of its step alone, so
    whichever step is asked for, the answer is the same.

    `pinned` puts it into memory that a GPU reads from while the processor goes on.
    """

    def __init__(self, batch: Callable[[int], Batch], pinned: bool) -> None:
        self._batch, self._pinned = batch, pinned
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._next: tuple[int, Future[Batch]] | None = None

    def __call__(self, step: int) -> Batch:
        """The batch of a step. Raises what making it raises."""
        known, self._next = self._next, None
        made = known[1].result() if known is not None and known[0] == step else self._make(step)
        self._next = step + 1, self._pool.submit(self._make, step + 1)
        return made

    def _make(self, step: int) -> Batch:
        batch = self._batch(step)
        if not self._pinned:
            return batch
        return Batch(batch.inputs.pin_memory(), batch.targets.pin_memory())

    def end(self) -> None:
        """No more batches are asked for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
