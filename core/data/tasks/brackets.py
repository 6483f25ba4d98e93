"""``brackets``: the beginning of an endless row of balanced brackets, as ``([])[`` of two kinds.

With nothing open a bracket opens; with as many open as may be, the last one closes; in between a
fair coin decides. Its kind is uniform where it opens and that of the last open one where it closes,
so a network has to keep a stack (the Dyck language of bounded depth: Yao et al. 2021, arXiv
2105.11115).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core.config.tasks import KINDS
from core.data.tasks.task import Ids, Shares, Task
from core.language import Message


class Brackets(Task):
    """Brackets of k kinds, at most `nesting` open at once."""

    least_context = 2
    why_least = Message("so that a bracket can close")
    words = "places"

    def __init__(self, kinds: int, nesting: int) -> None:
        self.kinds, self.nesting = kinds, nesting
        self.alphabet = KINDS[: 2 * kinds]  # id 2j opens kind j, 2j + 1 closes it
        self._opens = np.full(nesting + 1, 0.5)  # P(open) with so many open
        self._opens[0], self._opens[nesting] = 1.0, 0.0

    def draw(
        self, random: np.random.Generator, count: int, context: int, held_out: bool = False
    ) -> Ids:
        """(B, T + 1)."""
        length = context + 1
        coins = random.random((count, length))
        kinds = random.integers(0, self.kinds, (count, length))
        stack = np.zeros((count, self.nesting + 1), dtype=np.int64)
        depth = np.zeros(count, dtype=np.int64)
        every = np.arange(count)
        drawn = np.empty((count, length), dtype=np.int64)
        for i in range(length):
            opens = coins[:, i] < self._opens[depth]
            last = stack[every, depth]
            drawn[:, i] = np.where(opens, 2 * kinds[:, i], 2 * last + 1)
            depth += np.where(opens, 1, -1)
            stack[every[opens], depth[opens]] = kinds[opens, i]
        return drawn

    def _depths(self, context: int) -> NDArray[np.float64]:
        """How likely so many are open before each target, (T, nesting + 1)."""
        now = np.zeros(self.nesting + 1)
        now[0] = 1.0
        found = np.empty((context, len(now)))
        for i in range(context):  # the first token is given, it is no target
            up, down = now * self._opens, now * (1 - self._opens)
            now = np.zeros_like(now)
            now[1:] += up[:-1]
            now[:-1] += down[1:]
            found[i] = now
        return found

    def optimal(self, context: int, last: bool = False) -> float:
        """The generator's conditional entropy, with each depth as likely as a walk makes it.

        ln k with nothing open, 0 at the deepest, and between them H = ln 2 + ½ ln k: of a coin, and
        in half of the cases of a kind. A reader of the whole row knows depth and kinds, so no
        network can do better; the depths' probabilities follow from the coin, step by step.
        """
        entropy = np.full(self.nesting + 1, math.log(2) + math.log(self.kinds) / 2)
        entropy[0], entropy[self.nesting] = math.log(self.kinds), 0.0
        nats = self._depths(context) @ entropy  # (T,)
        return float(nats[-1] if last else nats.mean())

    def shares(self, context: int, held_out: bool = False) -> Shares:
        """P(open) and P(close) by place, shared evenly by the kinds, (T, V)."""
        opens = self._depths(context) @ self._opens
        shares = np.empty((context, 2 * self.kinds))
        shares[:, 0::2] = opens[:, None] / self.kinds
        shares[:, 1::2] = (1 - opens[:, None]) / self.kinds
        return shares
