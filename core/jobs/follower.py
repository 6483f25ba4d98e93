"""Another rank of a run that several processes train: ``python -m core.jobs.follower PARENT``.

The command line is this under torchrun; a run that starts its own ranks starts this.
"""

from __future__ import annotations

import logging
import signal
import sys

from core.training.seats import seat


def follow() -> int:
    """Do what rank 0 says until the run ends; returns the exit status."""
    from core.training.following import Follower
    from core.training.ranks import Ranks, is_lost

    place = seat()
    assert place is not None, "rank 0 trains a run"
    ranks = Ranks(place)
    # Rank 0 ends the run with a checkpoint, to which this one gives its part.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    failed = True
    try:
        Follower(ranks).follow()
        failed = False
    except Exception as error:
        if is_lost(error):
            return 1
        ranks.fail(error)
        if not isinstance(error, (OSError, ValueError, MemoryError)):
            logging.exception("rank %s", place.rank)
        return 1
    finally:
        ranks.leave(failed)
    return 0


def main() -> None:
    """Begin, and end with the process that started this one."""
    from core.jobs.together import end_with

    end_with(int(sys.argv[1]))
    sys.exit(follow())


if __name__ == "__main__":
    main()
