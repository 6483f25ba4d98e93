"""What the events of a run still tell of a file that was removed or damaged.

Without `switches.json` a run would go on with layers that nobody chose, and without `fork.json`
with another network than was forked: its numbers would be other ones, and nobody would know.
"""

from __future__ import annotations

import os
from typing import Any

from pydantic import ValidationError

from core.config import Switch
from core.config.overrides import CHANGES
from core.files import signature, write_json
from core.language import Message
from core.runs import fork_files, schemas
from core.runs.errors import RunError
from core.runs.run import Run

FILE = "switches.json"


def bring_back(run: Run) -> None:
    """Make sure that a run which is taken up knows its switches and where it was forked.

    Switches that were carried out are written anew from the events. Raises RunError where they
    can't be told, or where `fork.json` is gone; OSError.
    """
    if signature(run.path / fork_files.FILE) is None and _has(run, "fork"):
        raise RunError(
            Message(
                "run {run} was forked, but its {file} is gone; bring it back from a copy,"
                " or fork its parent again",
                run=run.id,
                file=fork_files.FILE,
            )
        )
    path = run.path / FILE
    if signature(path) is not None and FILE not in run.damaged:
        return
    scheduled = {(one.step, one.words) for one in run.config.training.switches}
    carried_out = [event for event in run.events if event["kind"] == "switch"]
    by_hand = [
        _switch(run, event)
        for event in carried_out
        if (event["step"], event.get("text")) not in scheduled
    ]
    if _inherited(run):
        raise RunError(_unknown(run, Message("by a run that it was forked from")))
    if os.path.lexists(path):  # as a link to nothing is, too
        path.rename(path.with_suffix(".damaged"))
    if by_hand:
        write_json(path, [schemas.marked(FILE, one.model_dump()) for one in by_hand])


def _has(run: Run, kind: str) -> bool:
    return any(event["kind"] == kind for event in run.events)


def _switch(run: Run, event: dict[str, Any]) -> Switch:
    said = {name: event[name] for name in ("step", "layers", *CHANGES) if name in event}
    try:
        if "layers" not in said:  # an earlier release wrote it
            raise ValueError
        return Switch(**said)
    except (ValidationError, ValueError) as error:
        raise RunError(_unknown(run, Message("at step {step:,}", step=event["step"]))) from error


def _inherited(run: Run) -> bool:
    """Whether a fork has switches that somebody turned by hand before it began."""
    fork = run.fork
    if fork is None:
        return False
    scheduled = fork.config.model
    for switch in sorted(fork.config.training.switches, key=lambda one: one.step):
        if switch.step < fork.step:
            scheduled = scheduled.switched(switch.override)
    return scheduled != fork.wiring


def _unknown(run: Run, when: str) -> str:
    return Message(
        "run {run} was rewired {when}, but its {file} is gone or damaged and its"
        " events do not say how; bring the file back from a copy",
        run=run.id,
        when=when,
        file=FILE,
    )
