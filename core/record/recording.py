"""A run directory as it is written from somebody else's training loop."""

from __future__ import annotations

import atexit
import os
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from core.language import Message, reason, t, told
from core.metrics import foreign
from core.record.rows import RowWriter
from core.runs import Run, RunError, RunStore, origins
from core.runs.status import State, Status

if TYPE_CHECKING:
    from core.record.watching import Watching

FLUSH_SECONDS = 0.5  # what was logged is on the disk after so long, or at the next log
BY = "core.record"
_CURRENT: list[Recording] = []


class Recording:
    """One run that another program trains. See :mod:`core.record`.

    Where no run can be written it says so in a warning and records nothing, so that the training
    goes on. Raises ValueError for settings that have no names.
    """

    def __init__(
        self,
        name: str = "",
        settings: Any = None,
        *,
        runs: str | Path | None = None,
        steps: int = 0,
        tags: Sequence[str] = (),
    ) -> None:
        self._own = origins.settings_of(settings)
        self._steps, self._began = int(steps), time.time()
        self._names: dict[str, str] = {}
        self._logged = 0
        self._last = -1
        self._watching: Watching | None = None
        self._warned: set[str] = set()
        self._state: State = "running"
        self._flushed = 0.0
        self._silent = os.environ.get("RANK", "0") != "0"  # of torch's launchers, all but one
        if self._silent:
            return
        called = name or Path(sys.argv[0] or "recorded").stem or "recorded"
        config = origins.config_of(self._own, self._steps, called)

        def fill(made: Path) -> None:
            origins.lay(made, BY, _source(), self._own)
            self._status("starting").write(made / "status.json")

        self.run: Run
        try:
            self.run = RunStore(runs).create(config, called, fill=fill, tags=list(map(str, tags)))
        except RunError as error:
            self._silent = True
            self._warn(Message("core.record records nothing, and the training goes on: {why}",
                               why=told(error)))  # fmt: skip
            return
        self._lock = self.run.lock()
        self._lock.acquire()
        self._rows = RowWriter(self.run.path / "metrics")
        self._write_status()
        self.run.add_event("start", 0, segment=0)
        atexit.register(self._at_exit)

    # What a loop calls

    def watch(
        self,
        model: Any,
        *,
        every: int = 10,
        layers: Sequence[str] = (),
    ) -> Recording:
        """Measure a torch.nn.Module from its next step on; returns the recording.

        Gradient norms of each layer and of all, whenever an optimizer is about to take a step;
        statistics of what each layer puts out every so many steps (0: never). `layers` names the
        modules that count as layers; else the repeated blocks of the model are found. Raises
        ValueError for a name that the model does not have.
        """
        from core.record.watching import Watching

        if self._silent:
            return self
        if self._watching is not None:
            self._watching.remove()
        self._watching = Watching(model, every=every, layers=layers, problem=self._warn,
                                  tick=self._tick)  # fmt: skip
        self._lay()
        return self

    def log(
        self, values: Mapping[str, Any] | None = None, /, step: int | None = None, **more: Any
    ) -> None:
        """Keep numbers of a step by their names, as `log(loss=..., lr=...)`; also of a mapping.

        A value is a number, a tensor or array of one, or a list or vector with one number for each
        layer. `step` counts from 0; without it a watched model's steps are counted, else the calls
        of log. Raises ValueError for a step or value that is none.
        """
        if self._silent:
            return
        if step is not None and (isinstance(step, bool) or int(step) != step or step < 0):
            raise ValueError(
                Message("step: {step} is none; accepted: a whole number from 0 on", step=step)
            )
        at = self._now() if step is None else int(step)
        if self._watching is not None:
            self._watching.said(at)
        self._logged += 1
        self._last = max(self._last, at)
        found = {**(values or {}), **more}
        for name, value in found.items():
            if str(name) not in self._names:
                self._names = {**self._names, **self._named(str(name))}
            self._rows.add(self._names[str(name)], at, self._seconds(), _number(str(name), value))
        self._tick()

    def _tick(self) -> None:
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was logged; a disk that does not take it costs a warning, and no row."""
        if self._silent:
            return
        self._flushed = time.monotonic()
        try:
            if self._watching is not None:
                for row in self._watching.taken():
                    self._last = max(self._last, row.step)
                    self._rows.add(row.name, row.step, row.seconds - self._began, row.values)
            self._rows.flush()
            if self._state == "running":
                self._write_status()
        except OSError as error:
            self._warn(
                Message(
                    "core.record can't write to {folder}: {why}; it tries again with the next"
                    " values, and the training goes on",
                    folder=self.run.path, why=reason(error),
                )
            )  # fmt: skip

    def finish(self, state: State = "finished", message: str = "") -> None:
        """End the run; what was logged is on the disk then. Called at the program's end, too."""
        if self._silent or self._state != "running":
            return
        if self._watching is not None:
            self._watching.remove()
        self._state, self._message = state, message
        self.flush()
        try:
            self._rows.close()
            self._write_status(message)
        except OSError as error:
            self._warn(Message("core.record could not end {run}: {why}", run=self.run.id,
                               why=reason(error)))  # fmt: skip
        self._lock.release()
        atexit.unregister(self._at_exit)
        if self in _CURRENT:
            _CURRENT.remove(self)

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended_by(error)

    # What it keeps

    def _named(self, name: str) -> dict[str, str]:
        """The name of a new metric, beside those that there are and those that are watched."""
        watched = self._watching.metrics if self._watching is not None else ()
        new = foreign.named([*self._names, name])[name]
        if new in self._names.values() or new in watched:
            new = foreign.kept(name) if foreign.kept(name) not in watched else f"{name}_logged"
        return {name: new}

    def _now(self) -> int:
        if self._watching is not None and self._watching.steps:
            return self._watching.step
        return self._logged

    def _seconds(self) -> float:
        return time.time() - self._began

    def _status(self, state: State, message: str = "") -> Status:
        step = self._last + 1 if self._last >= 0 else 0
        return Status(state=state, step=step, steps=self._steps or step, message=message,
                      pid=os.getpid())  # fmt: skip

    def _write_status(self, message: str = "") -> None:
        self.run.write_status(self._status(self._state, message))

    def _lay(self) -> None:
        """Say in origin.json what is watched."""
        seen = self._watching
        assert seen is not None
        try:
            origins.lay(
                self.run.path, BY, _source(), self._own,
                layers=seen.names, model=seen.model, gradients=seen.GRADIENTS,
            )  # fmt: skip
        except OSError as error:
            self._warn(
                Message("core.record can't write to {folder}: {why}", folder=self.run.path,
                        why=reason(error))
            )  # fmt: skip

    def _warn(self, sentence: str) -> None:
        key = sentence.template if isinstance(sentence, Message) else sentence
        if key not in self._warned:
            self._warned.add(key)
            warnings.warn(t(sentence), RuntimeWarning, stacklevel=3)

    def _at_exit(self) -> None:
        self._ended_by(getattr(sys, "last_value", None))

    def _ended_by(self, error: BaseException | None) -> None:
        if error is None or (isinstance(error, SystemExit) and not error.code):
            self.finish()
        elif isinstance(error, KeyboardInterrupt):
            self.finish("stopped", Message("it was stopped with Ctrl-C"))
        else:
            kind = type(error).__name__
            self.finish("failed", Message("{kind}: {why}", kind=kind, why=told(error)))


def _source() -> str:
    """The program that records."""
    return os.path.basename(sys.argv[0] or "python")


def _number(name: str, value: Any) -> Any:
    """A number or a vector of them as float32; a tensor stays where it is until it is written."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return np.float32(value)
    if hasattr(value, "detach"):  # a tensor: taken off its device with all others, at the flush
        value = value.detach()
        shape = tuple(value.shape)
    else:
        try:
            value = np.asarray(value, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError(
                Message("{name}: {value!r} is no number; accepted: a number, or one for each"
                        " layer", name=name, value=str(value)[:40])
            ) from error  # fmt: skip
        shape = value.shape
    if value.ndim == 1 and shape[0] > 1:
        return value
    if int(np.prod(shape)) != 1:
        raise ValueError(
            Message("{name} has the shape {shape}; accepted: a number, or one for each layer",
                    name=name, shape=str(shape))
        )  # fmt: skip
    return value.reshape(())


# The process's one recording


def start(
    name: str = "",
    settings: Any = None,
    *,
    runs: str | Path | None = None,
    steps: int = 0,
    tags: Sequence[str] = (),
) -> Recording:
    """Begin a run, which `watch` and `log` then belong to; one that was begun before ends.

    `name` is what it is called (default: as the program), `settings` a dict, a dataclass or an
    argparse.Namespace with what it is trained with, `runs` the folder (default: ADDNORM_RUNS or
    ./runs), `steps` how many there will be. Raises as :class:`Recording`.
    """
    finish()
    made = Recording(name, settings, runs=runs, steps=steps, tags=tags)
    _CURRENT.append(made)
    return made


def _current() -> Recording:
    return _CURRENT[-1] if _CURRENT else start()


def watch(model: Any, *, every: int = 10, layers: Sequence[str] = ()) -> Recording:
    """As :meth:`Recording.watch`, of the process's recording."""
    return _current().watch(model, every=every, layers=layers)


def log(values: Mapping[str, Any] | None = None, /, step: int | None = None, **more: Any) -> None:
    """As :meth:`Recording.log`, of the process's recording."""
    _current().log(values, step, **more)


def finish() -> None:
    """End the process's recording, if there is one."""
    for one in list(_CURRENT):
        one.finish()
