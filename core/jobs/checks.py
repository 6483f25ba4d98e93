"""Checks of claims that the page asks for, done by a process of their own. Without torch.

One waits as a marker in ``<root>/.evidence/queue``; where it stands is said in
``<root>/.evidence/asked/<claim>/status.json``, its answer is the record that
:mod:`core.evidence.kept` reads. :mod:`core.jobs.check_worker` does the work.
"""

from __future__ import annotations

from pathlib import Path

from core.evidence import Claim, kept
from core.files import make_private
from core.jobs import environment
from core.jobs.inspections import WAITS, BackgroundWork, Record
from core.jobs.processes import CHECKS, ensure
from core.language import Message, reason
from core.marker_queue import MarkerQueue
from core.runs import RunError, RunStore, read_only

MEASURE_AGAIN = Message("the process that measured it ended without a word; measure it again")


def check_queue(root: Path) -> MarkerQueue:
    """The claims that wait, by their names."""
    return MarkerQueue(kept.folder(root) / "queue")


class Asked(BackgroundWork):
    """Where the check of one claim stands; read anew at each access."""

    ended = MEASURE_AGAIN

    def __init__(self, root: Path, claim: str) -> None:
        self.root, self.claim = root, claim
        self.folder = kept.folder(root) / "asked" / claim

    @property
    def record(self) -> Record | None:
        """State, progress and message; None where nobody asked."""
        return self.read_record()

    def queue_again(self) -> None:
        """For the process that measures in this folder."""
        _mark(self.root, self.claim)

    def take_back(self) -> None:
        """It was not begun."""
        check_queue(self.root).forget(self.claim)

    @property
    def under_way(self) -> bool:
        """Whether it waits or is being measured."""
        record = self.record
        return record is not None and record.state in ("waiting", "working")

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop it."""
        return (self.folder / "cancel").exists()


def ask(store: RunStore, claim: Claim) -> Asked:
    """Have a claim measured in the background; one that is under way goes on.

    Raises RunError where the runs folder can't be written.
    """
    read_only.refuse()
    asked = Asked(store.root, claim.name)
    if asked.under_way:
        return asked
    try:
        make_private(store.root)
        asked.folder.mkdir(parents=True, exist_ok=True)
        (asked.folder / "cancel").unlink(missing_ok=True)
        asked.write(Record("waiting", message=WAITS))
        _mark(store.root, claim.name)
    except OSError as error:
        raise RunError(
            Message(
                "{claim} can't be measured in {folder}: {why}; free some room or name"
                " another folder with ADDNORM_RUNS",
                claim=claim.name,
                folder=store.root,
                why=reason(error),
            )
        ) from error
    return asked


def _mark(root: Path, claim: str) -> None:
    check_queue(root).put(claim, environment.written())
    ensure(CHECKS, root)
