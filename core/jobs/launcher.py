"""Starting and steering runs, here or on a cluster. Without torch: a detached worker does the work.

A queued run is a marker file, see :mod:`core.marker_queue`. The standby, a process with torch
already imported, takes the oldest one when a slot is free; see :mod:`core.jobs.training_worker`.
One that is sent to a cluster waits in the same queue, or in that of Slurm;
see :mod:`core.jobs.elsewhere`.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.config import Override, RunConfig, explain
from core.config.fork_point import ForkPoint
from core.config.overrides import parse
from core.files import make_private
from core.jobs import admission, elsewhere, environment, slurm
from core.jobs.processes import STANDBY, ensure
from core.jobs.queue import run_queue, turn
from core.language import Message, reason
from core.marker_queue import Where
from core.runs import Run, RunError, RunStore, Status, lease, read_only
from core.runs.status import NEEDS_WORKER, RESUMABLE, Command, State, receive
from core.runs.trash import Deleted

__all__ = ["control", "delete", "enqueue", "move", "revive", "standby_lock"]

POLL_SECONDS = 0.05


def standby_lock(store: RunStore) -> Path:
    """Held by the one standby of a runs folder."""
    return STANDBY.lock(store.root)


def enqueue(
    store: RunStore,
    config: RunConfig,
    name: str = "",
    paused: bool = False,
    fork: ForkPoint | None = None,
    **meta: Any,
) -> Run:
    """Create a run and queue it; `paused` makes it pause after its first step.

    A `fork` starts at the checkpoint of another run; see :mod:`core.jobs.forks`. It trains `on` the
    cluster that `meta` names, else where ADDNORM_CLUSTER says. Raises RunError when the runs folder
    can't be written, the machine has too little memory, or no such cluster answers.
    """
    meta |= sent(meta.pop("on", None))
    if not meta.get("on"):
        _check_memory(config, fork)
    run = add(store, config, name, paused, fork, **meta)
    revive(store)
    return run


def add(
    store: RunStore,
    config: RunConfig,
    name: str = "",
    paused: bool = False,
    fork: ForkPoint | None = None,
    **meta: Any,
) -> Run:
    """Queue one run of many as :func:`enqueue`; whoever queues them asks once where they are to
    train (:func:`sent`) and revives the standby once."""
    run = store.create(config, name, fork, **meta)
    if paused:
        run.send("step")
    _mark(store, run)
    return run


def sent(on: str | None = None) -> dict[str, str]:
    """What `meta.json` says of where a run trains: `on`, as it is given or as ADDNORM_CLUSTER says;
    nothing of this machine. Raises RunError where nothing can be sent there."""
    address = elsewhere.wanted(on)
    elsewhere.check(address)
    return {"on": address} if address else {}


def control(
    store: RunStore, run: Run, command: Command, text: str = "", on: str | None = None
) -> None:
    """Pause, resume, stop, step or switch a run. Raises RunError where its state does not allow it.

    `resume` and `step` also take up a run that ended early (`RESUMABLE`) from its last
    checkpoint. `switch` changes layers of a live run before its next step; `text` says which and
    how, as `model.overrides` does: ``5: residual=off``. A run of a later release obeys nothing.
    What is taken up goes on where it trained before, or `on` another cluster, "local" for here.
    """
    read_only.refuse()
    run.check_release()
    run.check_ours()
    state = run.status
    if on is not None and not (command in ("resume", "step") and state in RESUMABLE):
        raise RunError(
            Message("run {run} is {state}; only one that ended early goes on elsewhere",
                    run=run.id, state=Message(state))
        )  # fmt: skip
    if command == "switch":
        _switch(run, state, text)
    elif state == "queued":
        if command == "stop":
            _unqueue(store, run)
        elif command == "resume":
            _queue(store, run)  # its marker may have been lost
        else:
            raise RunError(
                Message(
                    "run {run} waits for a place; all that it can be told now is to stop, not to"
                    " {command}",
                    run=run.id,
                    command=Message(command),
                )
            )
    elif state in NEEDS_WORKER:
        run.send(command)
    elif command in ("resume", "step") and state in RESUMABLE:
        _take_up(store, run, command, on)
    else:
        raise RunError(
            Message(
                "run {run} is {state}; it can't {command} any more",
                run=run.id,
                state=Message(state),
                command=Message(command),
            )
        )


def move(store: RunStore, run: Run, where: Where) -> None:
    """Give a run that waits another place in the queue: first, last, one up or one down.

    Raises RunError where it does not wait.
    """
    read_only.refuse()
    if run.status != "queued" or not run_queue(store).move(run.id, where):
        raise RunError(
            Message(
                "run {run} is {status}; only a run that waits can be moved",
                run=run.id,
                status=Message(run.status),
            )
        )


def delete(
    store: RunStore, run: Run, *, stop: bool = False, now: bool = False, patience: float = 60
) -> Deleted | None:
    """Move a run to the trash, or remove it for good `now`; a waiting one leaves the queue.

    A live run is refused, or with `stop` stopped first, for which it gets `patience` seconds.
    Raises RunError, and then the run is where it was.
    """
    read_only.refuse()
    if run.status == "queued":
        _unqueue(store, run)
    if run.alive and stop:
        run.check_ours()
        run.send("stop")
        deadline = time.monotonic() + patience
        while run.alive:
            if time.monotonic() > deadline:
                raise RunError(
                    Message("run {run} has not stopped yet; delete it once it has", run=run.id)
                )
            time.sleep(POLL_SECONDS)
    return store.delete(run.id, now)


def _switch(run: Run, state: State, text: str) -> None:
    if state not in NEEDS_WORKER:
        raise RunError(
            Message(
                "run {run} is {state}; only a run that trains or is paused can switch",
                run=run.id,
                state=Message(state),
            )
        )
    if run.config.model.family != "transformer":
        raise RunError(Message("run {run}: only a transformer has layers that switch", run=run.id))
    try:
        model = run.model_at(run.config.training.steps)
        for one in parse(text):
            model = model.switched(Override(**one))
    except ValidationError as error:
        raise RunError(explain(error)) from error
    except ValueError as error:
        raise RunError(Message("switch: {why}", why=error)) from error
    run.send("switch", text)


def revive(store: RunStore) -> None:
    """Make sure that a standby waits for queued runs; not where they are only to look at."""
    if read_only.is_read_only():
        return
    make_private(store.root)
    elsewhere.revive(store)
    if not (os.environ.get(elsewhere.VARIABLE) and _all_elsewhere(store)):
        ensure(STANDBY, store.root)


def _all_elsewhere(store: RunStore) -> bool:
    """Whether nothing waits for this machine."""
    return all(Run(store.root / id).on for id in run_queue(store).waiting())


def _queue(store: RunStore, run: Run) -> None:
    _mark(store, run)
    revive(store)


def _mark(store: RunStore, run: Run) -> None:
    try:
        if run.on == elsewhere.SLURM:
            slurm.submit(store, run)
            return
        if run.on:
            elsewhere.follow(store, run, run.on)
        run_queue(store).put(run.id, environment.written(), turn(store, run))
    except OSError as error:
        raise RunError(
            Message("run {run} can't be queued: {why}", run=run.id, why=reason(error))
        ) from error


def _unqueue(store: RunStore, run: Run) -> None:
    lock = run.lock()
    if not lock.acquire():
        run.send("stop")  # a worker took it this very moment
        return
    try:
        if run.on == elsewhere.SLURM:
            slurm.cancel(store, run)
        elif run.on:
            elsewhere.forget(store, run.id, run.on)
        run_queue(store).forget(run.id)
        known = run.record  # the step is of its earlier life, where it was taken up again
        run.write_status(Status(state="stopped", step=known.step, steps=known.steps))
    finally:
        lock.release()


def _check_memory(config: RunConfig, fork: ForkPoint | None) -> None:
    if sentence := admission.refused(config, fork=fork):
        raise RunError(sentence)


def _take_up(store: RunStore, run: Run, command: Command, on: str | None) -> None:
    steps = run.config.training.steps  # before anything is taken: it may be of a later release
    address = sent(run.on if on is None else on).get("on", "")
    if not address:
        _check_memory(run.config, run.fork)
    lock = run.lock()
    if not lock.acquire():
        raise RunError(Message("run {run} is still ending; try again in a moment", run=run.name))
    try:
        receive(run.path / "control")  # commands meant for its last life
        if address != run.on:
            lease.end(run.path)  # whatever still trains it there gives up
            run.update_meta(on=address)
        if command == "step":
            run.send("step")
        record = run.record
        run.write_status(Status(state="queued", step=record.step, steps=steps))
    except OSError as error:
        raise RunError(
            Message("run {run} can't be taken up: {why}", run=run.id, why=reason(error))
        ) from error
    finally:
        lock.release()
    _queue(store, run)
