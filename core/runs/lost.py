"""Why a run's process has gone without a last state: killed for want of memory, or cut off.

The kernel that kills a process says so in its log and in a counter, which both forget: so the
first who notices writes down what they say.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from core import fitting
from core.language import Message
from core.memory import was_killed
from core.runs import lease
from core.runs.status import NEEDS_WORKER, Status, goes_on

if TYPE_CHECKING:
    from core.runs.run import Run


def noticed(run: Run, status: Status) -> Status:
    """The last state that a run wrote, as it is now that nobody holds its lock.

    That it was killed is written down, and that it was not: its counters are forgotten, for they
    rise when another process is killed later.
    """
    on = goes_on(run.resumes_at, status.step)
    gone = status.model_copy(update={"tokens_per_second": None, "seconds_left": None})
    if there := lease.read(run.path):
        # Of another machine this one's kernel knows nothing.
        words = Message(
            "nothing is heard any more of {host}, where it trained; resumed, it is looked for there"
            " first, and else {goes_on}",
            host=there.host or there.on,
            goes_on=on,
        )
        return gone.model_copy(update={"state": "interrupted", "message": words})
    if status.oom_kills and was_killed(status.pid, status.oom_kills, status.changed):
        words = Message(
            "the kernel killed its process for want of memory; {shortage}; resumed, it {goes_on}",
            shortage=_shortage(run, status),
            goes_on=on,
        )
        found = {"state": "out_of_memory", "message": words, "oom_kills": {}}
        killed = gone.model_copy(update=found)
        _remember(run, killed)
        return killed
    if status.oom_kills:
        _remember(run, status.model_copy(update={"oom_kills": {}}))
    words = Message("its process ended without a word; resumed, it {goes_on}", goes_on=on)
    return gone.model_copy(update={"state": "interrupted", "message": words})


def _shortage(run: Run, status: Status) -> str:
    try:
        letters = int(run.corpus.get("vocabulary") or 0)
        return fitting.shortage(run.config, letters, status.device == "cuda")
    except ValueError:  # its settings can't be read
        return Message("train with less of it")


def _remember(run: Run, status: Status) -> None:
    """Write the status, unless a worker has taken the run up meanwhile."""
    lock = run.lock()
    with contextlib.suppress(OSError, ValueError):  # a folder that can't be written says it anew
        if lock.acquire() and Status.read(run.path / "status.json").state in NEEDS_WORKER:
            run.write_status(status)
    lock.release()
