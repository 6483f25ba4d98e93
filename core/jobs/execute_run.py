"""Doing one run's work, whoever asked for it: the worker process or the command line."""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from core import fitting
from core.catalogue.summary import keep
from core.config import RunConfig
from core.files import has_room, is_full
from core.jobs import admission
from core.jobs.changes import Changes
from core.jobs.slots import Slot, registry
from core.jobs.together import team_of
from core.language import Message, reason, told
from core.machine import DeviceKind
from core.metrics.writer import SeriesWriter
from core.models import build_model
from core.runs import Run, RunError, Status
from core.runs.status import Order, State, receive
from core.training.devices import choose_device, is_out_of_memory
from core.training.optimizers import build_optimizer
from core.training.pauses import in_megabytes
from core.training.preparing import StoppedEarlyError
from core.training.trainer import Trainer

Watch = Callable[[Status], None]
SHARE_SECONDS = 0.25
ROOM = 2**20  # bytes that have to be free for a run to begin
ROOM_SECONDS = 2.0  # between two beginnings
WAIT_SECONDS = 0.25  # paused, between two looks at whether a signal asks to end


class FileControl:
    """A RunControl: commands from `control/` of the run, threads from the registry."""

    def __init__(self, run: Run, slot: Slot) -> None:
        self._control = run.path / "control"
        self._slot = slot
        self._share = 0
        self._asked = 0.0
        self._changes: Changes | None = None
        self.stopping = False  # set by a signal

    def commands(self) -> list[Order]:
        """The commands sent since the last call; a signal to end counts as `stop`."""
        return [Order("stop")] if self.stopping else receive(self._control)

    def threads(self) -> int:
        """This job's share of the processor, looked up at most four times a second."""
        if not self._share or time.monotonic() - self._asked > SHARE_SECONDS:
            self._share, self._asked = self._slot.share(), time.monotonic()
        return self._share

    def leave(self) -> None:
        """Give the slot back."""
        self._slot.leave()
        self._changes = Changes(self._control, registry())

    def enter(self) -> bool:
        """Take a slot again when one is free."""
        entered = self._slot.enter()
        if entered:
            self._changes = None
        return entered

    def wait(self) -> None:
        """Sleep until a command or a free slot is told of."""
        assert self._changes is not None, "only who has left waits"
        self._changes.wait(WAIT_SECONDS)


def kind_of(run: Run) -> DeviceKind:
    """Which slots a run needs; a run that can't start needs none in particular."""
    try:
        return "cuda" if choose_device(run.config).type == "cuda" else "cpu"
    except RunError:
        return "cpu"


def kinds() -> tuple[DeviceKind, ...]:
    """The kinds of slots that this machine has."""
    return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


def tidy() -> None:
    """Give a finished run's memory on the GPU back to others."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def warm() -> None:
    """Load, before there is work, what torch and Arrow load at their first optimizer, step and row.

    The first optimizer alone imports torch._dynamo, three seconds on a laptop; pyarrow imports 336
    modules for the first row, 0.3 seconds.
    """
    config = RunConfig.from_flat({"model.depth": 1, "model.width": 4, "model.heads": 1})
    model = build_model(config.model, 4)
    optimizer = build_optimizer(model, config.optimizer)
    model(torch.zeros(1, 4, dtype=torch.int64)).sum().backward()
    optimizer.step()
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory() as folder:  # /tmp is full
        writer = SeriesWriter(Path(folder), "step", 0)
        writer.write({"step": np.zeros(1, dtype=np.int64), "loss/train": np.zeros(1)})
        writer.close()


def work(
    run: Run,
    control: FileControl,
    watch: Watch = lambda status: None,
    devices: int | None = None,
) -> State:
    """Train a run whose lock the caller holds, and write down how it ended.

    `devices` train it together in place of `training.devices`.

    Never raises for what can go wrong with a run: it then ends as `failed`, or `out_of_memory`,
    with one sentence.
    """
    torch.set_flush_denormal(True)  # subnormals slow a dying network by an order of magnitude
    state = _train(run, control, watch, devices)
    keep(run)
    return state


def _train(run: Run, control: FileControl, watch: Watch, devices: int | None) -> State:
    step = run.record.step
    trainer: Trainer | None = None
    try:
        with team_of(run, devices) as team:
            while trainer is None:
                try:
                    trainer = Trainer(run, control, watch, team)
                except OSError as error:
                    if not is_full(error):
                        raise
                    if not _wait_for_room(run, control, watch):
                        return "stopped"
            return trainer.train()
    except Exception as error:
        state, sentence = cause_of(run, error)
    if trainer is not None:
        step, trainer = trainer.state.step, None
    return end_badly(run, state, sentence, step, watch)


def cause_of(run: Run, error: Exception) -> tuple[State, str]:
    """The state that an error leaves a run in, and what to say of it; the log has the rest."""
    if isinstance(error, StoppedEarlyError):
        return "stopped", Message("it was stopped while its corpus was prepared")
    short = is_out_of_memory(error)
    sentence = "" if short else explain_failure(error)
    if isinstance(error, (OSError, ValueError, MemoryError)):  # the sentence says it all
        logging.info("run %s: %s", run.id, sentence or error)
    else:
        logging.error("run %s", run.id, exc_info=error)
    return ("out_of_memory" if short else "failed"), sentence


def end_badly(
    run: Run, state: State, sentence: str, step: int, watch: Watch = lambda status: None
) -> State:
    """Write down the state of a run that could not go on."""
    if state == "out_of_memory":  # here, where the error no longer holds what was being computed
        sentence = explain_shortage(run)
    ended = Status(state=state, step=step, steps=run.config.training.steps, message=sentence)
    try:
        run.write_status(ended)
    except (OSError, RunError) as error:
        logging.warning("run %s: the state can't be written either: %s", run.id, error)
    watch(ended)
    return state


def explain_shortage(run: Run) -> str:
    """What a run that ran out of memory needs and what would fit, in one sentence."""
    gc.collect()
    tidy()
    kind = kind_of(run)
    vocabulary = run.corpus.get("vocabulary") or admission.letters(run.config, fork=run.fork) or 0
    return fitting.shortage(run.config, vocabulary, kind == "cuda")


def _wait_for_room(run: Run, control: FileControl, watch: Watch) -> bool:
    """A run that can't begin on a full disk; False where it is asked to stop meanwhile."""
    known = Status(step=run.record.step, steps=run.config.training.steps)
    words = Message(
        "the disk is full: free {size} MB; it goes on by itself",
        size=in_megabytes(ROOM),
    )
    _tell(run, known.model_copy(update={"state": "paused", "message": words}), watch)
    control.leave()
    tried = time.monotonic()
    while time.monotonic() - tried < ROOM_SECONDS or not has_room(run.path, ROOM):
        if any(order.command == "stop" for order in control.commands()):
            _tell(run, known.model_copy(update={"state": "stopped"}), watch)
            return False
        control.wait()
    while not control.enter():
        control.wait()
    return True


def _tell(run: Run, status: Status, watch: Watch) -> None:
    with contextlib.suppress(OSError):
        run.write_status(status)
    watch(status)


def explain_failure(error: Exception) -> str:
    """One sentence that says what to do."""
    text = str(error)
    file = getattr(error, "filename", None) or Message("a file of the run")
    if is_full(error):
        return Message(
            "the disk is full: free some room, then resume; all up to the last flush is kept"
        )
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return Message(
            "the runs folder can only be read: mount its disk for writing, then resume;"
            " all up to the last flush is kept"
        )
    if isinstance(error, OSError) and error.errno == errno.EIO:
        return Message(
            "the disk fails at {file}: check it, or copy the run to another one, then"
            " resume; all up to the last flush is kept",
            file=file,
        )
    if isinstance(error, FileNotFoundError):
        return Message(
            "a file of the run vanished while it trained: {file}",
            file=error.filename,
        )
    if isinstance(error, OSError) and error.errno:
        return Message(
            "{file} can't be used: {why}",
            file=file,
            why=reason(error),
        )
    if isinstance(error, ValueError):
        return told(error)
    return Message(
        "{kind}: {why} (see log.txt)",
        kind=type(error).__name__,
        why=text.splitlines()[0] if text else "",
    )
