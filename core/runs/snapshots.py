"""Attention of the probe text through training: float16, at log-spaced steps.

Of causal attention the lower triangle is kept, (L, H, T (T + 1) / 2); without a mask the square.
"""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.cache import Cache
from core.files import read_tail, signature, write_atomically
from core.heads.patterns import SUM_BYTES, Patterns, map_npy, summed
from core.language import Message, told
from core.runs.retention import SNAPSHOT_BYTES as BUDGET_BYTES
from core.runs.schemas import MARK, NewerSchemaError, check, of_tail

GROWTH = 1.12  # each snapshot comes this much later than the one before: about 60 by probe 1,000


def due(probe: int) -> bool:
    """Whether the run's n-th probe takes a snapshot: 0, 1, 2, ... then ever further apart."""
    if probe < 8:
        return True
    exponent = int(np.log(probe) / np.log(GROWTH))
    return any(round(GROWTH**e) == probe for e in (exponent, exponent + 1))


PROBLEMS: Cache[str] = Cache(4096)


def _problem_of(path: Path) -> str:
    try:
        map_npy(path)
    except (OSError, ValueError) as error:
        return told(error)
    return ""


class Snapshots:
    """The folder `snapshots/` of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def steps(self) -> list[int]:
        """Steps that have a whole snapshot, in order; :attr:`damaged` has the others."""
        return [step for step in self._written if not self._problem(step)]

    @property
    def damaged(self) -> dict[int, str]:
        """A sentence for each snapshot that can't be read, by its step."""
        found = {step: self._problem(step) for step in self._written}
        return {step: problem for step, problem in found.items() if problem}

    def newer(self) -> list[str]:
        """The files of a later release, which this one neither reads nor drops."""
        return [self.path(step).name for step in self._written if self._is_newer(step)]

    def _is_newer(self, step: int) -> bool:
        try:
            tail = read_tail(self.path(step), SUM_BYTES + 20)
            check("snapshots", of_tail(tail[:-SUM_BYTES]))
        except NewerSchemaError:
            return True
        except OSError:
            return False
        return False

    def _problem(self, step: int) -> str:
        path = self.path(step)
        stamp = signature(path)
        if stamp is None:
            return Message("it is gone")
        if self._is_newer(step):
            return Message("it is of a later release")
        return PROBLEMS.get(path, stamp, lambda: _problem_of(path))

    @property
    def _written(self) -> list[int]:
        names = (p.stem.removeprefix("attention-") for p in self.folder.glob("attention-*.npy"))
        return sorted(int(n) for n in names if n.isdecimal())

    def __len__(self) -> int:
        return len(self.steps)

    def path(self, step: int) -> Path:
        """Where the snapshot of a step lies."""
        return self.folder / f"attention-{step:09d}.npy"

    def write(self, step: int, pattern: NDArray[np.floating], causal: bool = True) -> None:
        """Keep the patterns (L, H, T, T) of a step; thins older ones beyond the budget."""
        if causal:
            rows, columns = np.tril_indices(pattern.shape[-1])
            pattern = pattern[..., rows, columns]
        buffer = io.BytesIO()
        np.save(buffer, pattern.astype(np.float16), allow_pickle=False)
        write_atomically(self.path(step), summed(buffer.getvalue() + MARK))
        self._thin()

    def pattern(self, step: int) -> NDArray[np.float16]:
        """The patterns (L, H, T, T) of a step, of causal attention zero above the diagonal.

        Raises KeyError naming the nearest step when there is no such snapshot.
        """
        return self.open(step).whole()

    def open(self, step: int) -> Patterns:
        """The snapshot of a step, of which only what is asked for is read.

        Raises KeyError naming the nearest step when there is no such snapshot.
        """
        try:
            return Patterns(map_npy(self.path(step)))
        except (OSError, ValueError) as error:
            near = min(self.steps, key=lambda s: abs(s - step), default=None)
            known = isinstance(error, ValueError)
            why = Message(" ({name}: {why})", name=self.path(step).name, why=error) if known else ""
            raise KeyError(
                Message(
                    "no readable snapshot at step {step}{why}; the nearest is {near}",
                    step=step,
                    why=why,
                    near=near,
                )
            ) from error

    def stamp(self, step: int) -> int:
        """Changes when the snapshot of a step is taken anew; 0 where there is none."""
        try:
            return self.path(step).stat().st_mtime_ns
        except OSError:
            return 0

    def _thin(self) -> None:
        """Over the budget every second snapshot goes; the first and the last always stay."""
        sizes = {s: self.path(s).stat().st_size for s in self._written}
        while sum(sizes.values()) > BUDGET_BYTES and len(sizes) > 2:
            inner = sorted(sizes)[1:-1]
            for step in itertools.islice(inner, 0, None, 2):
                self.path(step).unlink(missing_ok=True)
                del sizes[step]

    def forget_from(self, step: int) -> None:
        """Drop snapshots at `step` and later: a resumed run takes them anew."""
        for later in self._written:
            if later >= step:
                self.path(later).unlink(missing_ok=True)
