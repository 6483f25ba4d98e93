"""Checks of claims that the page asks for, done by a process of their own. Without torch.

One waits as a marker in ``<root>/.evidence/queue``; where it stands is said in
``<root>/.evidence/asked/<claim>/status.json``, its answer is the record that
:mod:`core.evidence.kept` reads. :mod:`core.jobs.check_worker` does the work.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from core.evidence import Claim, kept
from core.files import make_private, read_json
from core.jobs import environment
from core.jobs.inspections import WAITS, Record, write_state
from core.jobs.processes import CHECKS, ensure
from core.marker_queue import MarkerQueue
from core.runs import RunError, RunStore
from core.runs.locks import Lock, is_locked

MEASURE_AGAIN = "the process that measured it ended without a word; measure it again"


def check_queue(root: Path) -> MarkerQueue:
    """The claims that wait, by their names."""
    return MarkerQueue(kept.folder(root) / "queue")


class Asked:
    """Where the check of one claim stands; read anew at each access."""

    def __init__(self, root: Path, claim: str) -> None:
        self.root, self.claim = root, claim
        self.folder = kept.folder(root) / "asked" / claim

    @property
    def record(self) -> Record | None:
        """State, progress and message; None where nobody asked."""
        alive = is_locked(self.folder / "lock")
        try:
            values = read_json(self.folder / "status.json")
            record = Record(**{name: values[name] for name in Record._fields})
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if record.state == "working" and not alive:
            return record._replace(state="failed", message=MEASURE_AGAIN)
        if record.state == "waiting" and not alive:
            with contextlib.suppress(OSError):
                _mark(self.root, self.claim)  # a crash may have taken its marker, or its worker
        return record

    @property
    def under_way(self) -> bool:
        """Whether it waits or is being measured."""
        record = self.record
        return record is not None and record.state in ("waiting", "working")

    def lock(self) -> Lock:
        """Held by the process that measures, for as long as it works."""
        return Lock(self.folder / "lock")

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop it."""
        return (self.folder / "cancel").exists()

    def cancel(self) -> None:
        """Stop the work at its next report; what waits is taken back at once."""
        with contextlib.suppress(OSError):
            (self.folder / "cancel").touch()
            lock = self.lock()
            if lock.acquire():
                try:
                    check_queue(self.root).forget(self.claim)
                    self.write(Record("cancelled", message="cancelled"))
                finally:
                    lock.release()

    def write(self, record: Record) -> None:
        """Replace the state. Raises OSError."""
        write_state(self.folder, record)


def ask(store: RunStore, claim: Claim) -> Asked:
    """Have a claim measured in the background; one that is under way goes on.

    Raises RunError where the runs folder can't be written.
    """
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
            f"{claim.name} can't be measured in {store.root}: {error.strerror}; free some room or"
            " name another folder with ADDNORM_RUNS"
        ) from error
    return asked


def _mark(root: Path, claim: str) -> None:
    check_queue(root).put(claim, environment.written())
    ensure(CHECKS, root)
