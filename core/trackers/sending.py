"""A thread and a queue for each tracker, between training and programs that may do anything.

Training only ever puts rows into a queue that has room for many, and never waits. A tracker that is
missing, raises or hangs costs one warning; one that is slow gets what it missed as soon as it can,
and where the queue is full its oldest rows are lost and counted.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.language import Message
from core.metrics.names import flat_names
from core.trackers.chosen import KINDS, Open, opener
from core.trackers.tracker import About, Row

MOST_ROWS = 200_000  # of one run that wait for one tracker
AT_ONCE = 500  # rows that a tracker is given
PATIENCE = 10.0  # seconds that the end of a run waits for what is not sent yet
HANGS = 20.0  # seconds in one call from which on a tracker is said to hang

Columns = Mapping[str, NDArray[np.generic]]


class Sending:
    """Sends the rows of one run to some trackers. Only the training's thread calls it.

    `warnings` are the sentences that nobody has been told yet.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        about: About,
        *,
        layers_every: int = 1,
        open_with: Callable[[str], Open] | None = None,
    ) -> None:
        begin = open_with or opener
        self._lines = [_Line(KINDS[kind][2], begin(kind), about) for kind in kinds]
        self._layers_every = max(layers_every, 1)
        self._pending: list[Row] = []

    def take(self, cadence: str, columns: Columns) -> None:
        """Rows as they are written. They are sent in the order of their steps, each once: those of
        a step wait until there are rows of a later one.

        Values by layer of each step are sent at every so many steps, others always.
        """
        if all(line.dead for line in self._lines):
            return
        rows = self._rows(cadence, columns)
        self._pending += rows
        if cadence == "step" and rows:
            self._send(self._take_pending(rows[-1].step - 1))

    def _take_pending(self, until: int | None) -> list[Row]:
        due: list[Row] = []
        later: list[Row] = []
        for row in self._pending:
            (due if until is None or row.step <= until else later).append(row)
        self._pending = later
        return due

    def _rows(self, cadence: str, columns: Columns) -> list[Row]:
        steps = np.asarray(columns["step"]).tolist()
        seconds = np.asarray(columns["seconds"]).tolist()
        scalars: dict[str, list[float]] = {}
        layered: dict[str, list[float]] = {}
        for name, values in columns.items():
            if name in ("step", "seconds"):
                continue
            values = np.asarray(values, dtype=np.float32)
            if values.ndim == 1:
                scalars[name] = values.tolist()
            else:
                flat = zip(flat_names(name, values.shape[1]), values.T.tolist(), strict=True)
                layered |= dict(flat)
        rows = []
        for at, step in enumerate(steps):
            own = {name: column[at] for name, column in scalars.items()}
            if cadence != "step" or step % self._layers_every == 0:
                own |= {name: column[at] for name, column in layered.items()}
            rows.append(Row(step, seconds[at], own))
        return rows

    def _send(self, rows: Sequence[Row]) -> None:
        merged: dict[int, Row] = {}
        for row in sorted(rows, key=lambda one: one.step):
            before = merged.get(row.step)
            values = {**before.values, **row.values} if before else row.values
            merged[row.step] = Row(row.step, row.seconds, values)
        for line in self._lines:
            line.put(list(merged.values()))

    @property
    def warnings(self) -> list[Message]:
        """What went wrong since the last call, a sentence each."""
        return [sentence for line in self._lines for sentence in line.warned()]

    def end(self, state: str) -> list[Message]:
        """Send the rest and wait for it for a while; what went wrong with it."""
        self._send(self._take_pending(None))
        deadline = time.monotonic() + PATIENCE
        for line in self._lines:
            line.close(state)
        for line in self._lines:
            line.wait(deadline - time.monotonic())
        return self.warnings


class _Line:
    """One tracker: its thread, and what waits for it."""

    def __init__(self, called: str, begin: Open, about: About) -> None:
        self._called, self._begin, self._about = called, begin, about
        self._rows: deque[Row] = deque()
        self._changed = threading.Condition()
        self._state: str | None = None  # how the run ended
        self._since: float | None = None  # when the call that is under way began
        self._problems: list[Message] = []
        self._told_of: set[str] = set()
        self._lost = 0
        self.dead = False
        # A daemon: a tracker that hangs keeps no process alive.
        self._thread = threading.Thread(target=self._work, name=f"to {called}", daemon=True)
        self._thread.start()

    def put(self, rows: list[Row]) -> None:
        """Rows to be sent; never waits."""
        with self._changed:
            if self.dead:
                return
            self._rows.extend(rows)
            while len(self._rows) > MOST_ROWS:
                self._rows.popleft()
                self._lost += 1
            self._changed.notify()

    def close(self, state: str) -> None:
        """No more rows will come."""
        with self._changed:
            self._state = state
            self._changed.notify()

    def wait(self, seconds: float) -> None:
        """Until everything is sent, or for so long."""
        self._thread.join(max(seconds, 0.0))
        if self._thread.is_alive():
            left = len(self._rows)
            self._warn("left", Message(
                "{program} did not take the last rows of this run in time ({n} wait); the run"
                " itself is whole", program=self._called, n=left,
            ))  # fmt: skip
            self.dead = True

    def warned(self) -> list[Message]:
        """The sentences that nobody was told yet."""
        since = self._since
        if since is not None and time.monotonic() - since > HANGS:
            self._warn("hangs", Message(
                "{program} has not answered for {seconds} seconds; training goes on, and what was"
                " measured is sent once it does", program=self._called, seconds=int(HANGS),
            ))  # fmt: skip
        if self._lost:
            self._warn("lost", Message(
                "{program} is too slow: its oldest rows are left out, the run's own are whole",
                program=self._called,
            ))  # fmt: skip
        with self._changed:
            found, self._problems = self._problems, []
        return found

    def _warn(self, key: str, sentence: Message) -> None:
        with self._changed:
            if key not in self._told_of:
                self._told_of.add(key)
                self._problems.append(sentence)

    def _work(self) -> None:
        try:
            self._since = time.monotonic()
            tracker = self._begin(self._about)
            self._since = None
            while (rows := self._next()) is not None:
                self._since = time.monotonic()
                tracker.log(rows)
                self._since = None
            self._since = time.monotonic()
            tracker.end(self._state or "finished")
        except ImportError as error:
            missing = getattr(error, "name", None) or str(error)
            self._fail(Message(
                "{program} gets nothing of this run: {package} is not installed (pip install"
                " {package})", program=self._called, package=missing.partition(".")[0],
            ))  # fmt: skip
        except BaseException as error:  # whatever a program does, training goes on
            text = str(error).strip().splitlines() or [type(error).__name__]
            self._fail(Message(
                "{program} gets no more of this run: {why}", program=self._called, why=text[0][:200]
            ))  # fmt: skip
        finally:
            self._since = None

    def _fail(self, sentence: Message) -> None:
        self._warn("failed", sentence)
        with self._changed:
            self.dead = True
            self._rows.clear()

    def _next(self) -> list[Row] | None:
        """The next rows; None once there will be none."""
        with self._changed:
            while not self._rows and self._state is None:
                self._changed.wait()
            if not self._rows:
                return None
            return [self._rows.popleft() for _ in range(min(AT_ONCE, len(self._rows)))]
