"""Training in the foreground: the command line's `train`, and `core.train` of notebooks."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from core import grids
from core.catalogue.filter_fields import meant, near
from core.config import RunConfig, settings
from core.config.fork_point import ForkPoint
from core.config.groups import NAMED
from core.data import corpora
from core.data.downloads import CorpusError
from core.jobs import admission, forks, launcher
from core.jobs.processes import worker_environment
from core.jobs.queue import run_queue
from core.jobs.slots import Slot
from core.language import Message
from core.machine import DeviceKind
from core.programs.comparison import Comparison
from core.programs.progress import Bar
from core.runs import Run, RunError, RunStore, Status
from core.runs.locks import Lock
from core.runs.status import ENDED, RESUMABLE, receive

Where = str | Path | RunStore | None


def train(
    preset: str = "",
    /,
    *,
    name: str = "",
    fork: str = "",
    runs_dir: Where = None,
    progress: bool = True,
    on: str | None = None,
    **changes: Any,
) -> Run:
    """Train here and now, with a progress bar; returns the run once it has ended.

    Settings are those of the preset, or of the run that `fork` names (`RUN@200`), else the
    defaults, but for `changes`: by the last part of their names (`depth=4`), or with the group
    before it where several have one (`model_depth=4`). A value brings what it needs, as the page's
    switches do. The run is kept in `runs_dir`, by default ADDNORM_RUNS or ./runs, where the
    dashboard finds it too. It trains `on` a cluster, as `--on` says, where one is named here or by
    ADDNORM_CLUSTER. Ctrl-C or the notebook's stop ends it with a checkpoint.

    Raises ValueError with a sentence that names the setting, before anything is trained; RunError
    where the run failed.
    """
    store = _store(runs_dir)
    start = None
    if fork:
        part, step = forks.named(fork)
        steps = changes.get("steps", changes.get("training_steps"))
        start = forks.point(find(part, store), step, steps)
    config = grids.based_on(preset, named(changes), start)
    if start is not None:
        forks.admit(start, config)
    bar = Bar if progress else None
    if address := launcher.sent(on).get("on"):
        run, record = followed(store, config, name, start, on=address, bar=bar)
    else:
        run, record = foreground(store, config, name, start, bar=bar)
    if record.state in ("failed", "out_of_memory"):
        raise RunError(
            Message("run {run} is {state}: {why}", run=run.id, state=record.state,
                    why=record.message)
        )  # fmt: skip
    return run


def compare(*runs: Run | str, runs_dir: Where = None) -> Comparison:
    """Lay runs beside each other: in what they differ, what became of each, how far that holds.

    A run is one that `train` returned, or a part of its id. Raises RunError.
    """
    store = _store(runs_dir)
    return Comparison(run if isinstance(run, Run) else find(run, store) for run in runs)


def find(part: str, runs_dir: Where = None) -> Run:
    """The run with this id, or with this part of one. Raises RunError for none or several."""
    store = _store(runs_dir)
    runs = store.list()
    fitting = [run for run in runs if run.id == part] or [run for run in runs if part in run.id]
    if len(fitting) == 1:
        return fitting[0]
    values = {"part": part, "n": len(fitting), "folder": store.root}
    if fitting:
        raise RunError(Message("{part!r} fits {n} runs; give more of the id", **values))
    raise RunError(Message("there is no run {part!r} in {folder}", **values))


def named(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their dotted names. Raises ValueError for a word that means none, or several."""
    by_key = {dotted.replace(".", "_"): dotted for dotted in settings()}
    found: dict[str, Any] = {}
    for word, value in changes.items():
        whole = by_key.get(word)
        fitting = [whole] if whole else [one for one in meant(word) if one in settings()]
        if not fitting:
            raise ValueError(
                Message("{word} is not a setting{hint}", word=word, hint=near(word) or "")
            )
        if len(fitting) > 1:
            raise ValueError(
                Message("{word}: write {either}", word=word,
                        either=" / ".join(one.replace(".", "_") for one in fitting))
            )  # fmt: skip
        found[fitting[0]] = value
    return found


def _store(where: Where) -> RunStore:
    return where if isinstance(where, RunStore) else RunStore(where)


def foreground(
    store: RunStore,
    config: RunConfig,
    name: str = "",
    fork: ForkPoint | None = None,
    *,
    bar: type[Bar] | None = Bar,
    begun: Callable[[RunStore], None] = lambda store: None,
    **meta: Any,
) -> tuple[Run, Status]:
    """Create a run and train it in this process, with a progress bar on standard error.

    Returns it with the state that it ended in, which its directory says too where that could be
    written. SIGINT and SIGTERM end it with a checkpoint, where this is the main thread. `begun` is
    called once it has its place. Raises RunError, and then there is no run.
    """
    if "torch" not in sys.modules:
        os.environ.update(worker_environment())  # which libgomp reads when torch is imported
    _checked_corpus(config)
    from core.training.devices import choose_device

    kind: DeviceKind = "cuda" if choose_device(config).type == "cuda" else "cpu"
    if sentence := admission.refused(config, kind, waits=False, fork=fork):
        raise RunError(sentence)
    run = store.create(config, name, fork, **meta)
    lock = run.lock()
    lock.acquire()
    slot = Slot(kind, admission.needed(config, kind, fork))
    return _here(store, run, lock, slot, bar, begun)


def gone_on(
    store: RunStore,
    run: Run,
    devices: int | None = None,
    *,
    bar: type[Bar] | None = Bar,
    begun: Callable[[RunStore], None] = lambda store: None,
) -> tuple[Run, Status]:
    """Go on with a run in this process, from its newest checkpoint; see :func:`foreground`.

    `devices` train it together in place of its `training.devices`. Raises RunError, and then the
    run is as it was.
    """
    if "torch" not in sys.modules:
        os.environ.update(worker_environment())
    from core.jobs.together import over
    from core.training.devices import choose_device

    run.check_release()
    run.check_ours()
    lock = run.lock()
    if run.status not in (*RESUMABLE, "queued") or not lock.acquire():
        raise RunError(
            Message(
                "run {run} is {state}; only one that waits, was stopped or interrupted, failed or"
                " ran out of memory can go on here",
                run=run.id,
                state=Message(run.status),
            )
        )
    try:
        config = over(run.config, devices or run.config.training.devices)
        kind: DeviceKind = "cuda" if choose_device(config).type == "cuda" else "cpu"
        if sentence := admission.refused(config, kind, waits=False, fork=run.fork):
            raise RunError(sentence)
        run_queue(store).forget(run.id)
        receive(run.path / "control")  # commands meant for its last life
    except BaseException:
        lock.release()
        raise
    slot = Slot(kind, admission.needed(config, kind, run.fork))
    return _here(store, run, lock, slot, bar, begun, devices)


def _here(
    store: RunStore,
    run: Run,
    lock: Lock,
    slot: Slot,
    bar: type[Bar] | None,
    begun: Callable[[RunStore], None],
    devices: int | None = None,
) -> tuple[Run, Status]:
    """Train a run whose lock is held; gives lock and slot back."""
    from core.jobs.execute_run import FileControl, work

    slot.enter(wait=False)  # in the foreground somebody waits for it
    begun(store)
    control = FileControl(run, slot)
    last: deque[Status] = deque(maxlen=1)
    try:
        with _ending(control):
            if bar is None:
                state = work(run, control, last.append, devices)
            else:
                with bar(run) as shown:

                    def show(status: Status) -> None:
                        last.append(status)
                        shown.show(status)

                    state = work(run, control, show, devices)
    finally:
        slot.leave()
        lock.release()
    record = run.record
    if record.state != state and last:  # which couldn't be written down
        record = last[-1]
    return run, record


def followed(
    store: RunStore,
    config: RunConfig,
    name: str = "",
    fork: ForkPoint | None = None,
    *,
    on: str,
    bar: type[Bar] | None = Bar,
    **meta: Any,
) -> tuple[Run, Status]:
    """Send a run to the cluster `on` and follow it to its end, with a progress bar; SIGINT and
    SIGTERM stop it with a checkpoint. Returns as :func:`foreground`. Raises RunError."""
    _checked_corpus(config)
    run = launcher.enqueue(store, config, name, fork=fork, on=on, **meta)
    control = _Wish()
    with _ending(control), bar(run) if bar else nullcontext() as shown:
        told = False
        while (record := run.record).state not in ENDED:
            if control.stopping and not told:
                told = True
                with suppress(RunError):  # it has just ended
                    launcher.control(store, run, "stop")
            launcher.revive(store)
            if shown is not None:
                shown.show(record)
            time.sleep(FOLLOW_SECONDS)
        if shown is not None:
            shown.show(record)
    return run, record


class _Wish:
    """Whether a signal asked to stop."""

    stopping = False


FOLLOW_SECONDS = 0.5  # between two looks at a run that trains elsewhere


def _checked_corpus(config: RunConfig) -> None:
    """Raises RunError where the corpus can't be had, which names the setting."""
    try:
        corpora.ensure(config)  # so that a wrong path leaves nothing behind
    except CorpusError as error:
        setting = next((field for field in NAMED if getattr(config.data, field)), "corpus")
        raise RunError(Message("data.{setting}: {why}", setting=setting, why=error)) from error


@contextmanager
def _ending(control: Any) -> Iterator[None]:
    """Within it, signals that ask the program to end ask the run to stop."""

    def stop(signum: int, frame: object) -> None:
        control.stopping = True

    if threading.current_thread() is not threading.main_thread():
        yield  # where no signal arrives
        return
    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
