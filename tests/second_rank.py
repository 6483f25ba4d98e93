"""A second process for tests of runs that two processes train: it is started once, and follows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from torch.distributed import TCPStore  # type: ignore[attr-defined]

from core.runs import Run
from core.training.control import NullControl
from core.training.following import Follower
from core.training.leading import Leader
from core.training.ranks import Ranks
from core.training.seats import Seat
from core.training.sharding import How
from core.training.trainer import Trainer

HERE, SOON = "127.0.0.1", timedelta(seconds=60)


class SecondRank:
    """Rank 1 of one run after the other."""

    def __init__(self) -> None:
        root = Path(__file__).resolve().parents[1]
        command = [sys.executable, "-m", "tests.second_rank"]
        self._process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, text=True)

    @contextmanager
    def leader(self, how: How) -> Iterator[Leader]:
        """Rank 0, here, of a run that both train."""
        store = TCPStore(HERE, 0, None, True, SOON, wait_for_workers=False)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{store.port}\n")
        self._process.stdin.flush()
        ranks = Ranks(Seat(0, 2, 0, 2), store)
        try:
            leader = Leader(ranks, how)
            yield leader
            leader.end()
        except BaseException as error:
            explained = ranks.explained(error)
            if explained is error:
                raise
            raise explained from error
        finally:
            ranks.leave()

    def train(self, run: Run, how: How, control: NullControl | None = None) -> str:
        """Train a run by both, to its end or to where the control stops it."""
        with self.leader(how) as leader:
            return Trainer(run, control or NullControl(), team=leader).train()

    def end(self) -> None:
        """No more runs."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(120)
        finally:
            self._process.kill()


def main() -> None:
    """Follow in each run whose store's port is written to standard input."""
    for line in sys.stdin:
        ranks = Ranks(Seat(1, 2, 1, 2), TCPStore(HERE, int(line), None, False, SOON))
        try:
            Follower(ranks).follow()
        except Exception as error:
            print(f"rank 1: {error}", file=sys.stderr)
            ranks.fail(error)
        finally:
            ranks.leave()


if __name__ == "__main__":
    main()
