"""Questions to a trained network, answered by a warm process beside the training. Without torch.

A question is a directory ``runs/<id>/inspections/<hash>/`` with request.json, status.json,
result.json, arrays.npz and, of text that is still being written, stream.jsonl; every file but the
stream is replaced atomically. The hash is made of the kind, its version, the step and the
parameters, so the same question is answered from the directory. A marker in ``<root>/.inspections``
says that it waits; see :mod:`core.jobs.inspection_worker`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.anatomy import KINDS
from core.config.families import named
from core.files import read_json, replacing, write_json
from core.jobs.inspection_queue import forget, mark, waiting
from core.jobs.processes import INSPECTOR
from core.language import Message, joined, reason, said, told
from core.runs import Run, RunError, RunStore, read_only
from core.runs.locks import Lock, is_locked

State = Literal["waiting", "working", "done", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
FOLDER = "inspections"
WAITS = Message("waits for its turn")
ASK_AGAIN = Message("the process that answered it ended without a word; ask again")

__all__ = ["Inspection", "Record", "ask", "find", "inspector_lock", "look", "prepare", "waiting"]


class Record(NamedTuple):
    """Where a question stands. `settled`: asking again would fail the same way."""

    state: State
    progress: float = 0.0
    message: str = ""
    settled: bool = False


class BackgroundWork:
    """What a process of its own does: a folder with its state, and a lock while it works."""

    folder: Path
    ended = ASK_AGAIN  # what is said where that process died

    def queue_again(self) -> None:
        """Put its marker into the queue, and see that somebody looks there. Raises OSError."""
        raise NotImplementedError

    def take_back(self) -> None:
        """Take its marker out of the queue. Raises OSError."""
        raise NotImplementedError

    def read_record(self) -> Record | None:
        """State, progress and message, read together; None where they can't be."""
        # As of a run: whether it is alive is read before its state.
        alive = is_locked(self.folder / "lock")
        try:
            values = read_json(self.folder / "status.json")
            record = Record(**{name: values[name] for name in Record._fields})
            if "said" in values:
                message = Message.restored(values["said"], record.message)
                record = record._replace(message=message)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if record.state == "working" and not alive:
            return record._replace(state="failed", message=self.ended)
        if record.state == "waiting" and not alive:
            with contextlib.suppress(OSError):
                self.queue_again()  # a crash may have taken its marker, or its worker
        return record

    def lock(self) -> Lock:
        """Held by the process that works on it, for as long as it does."""
        return Lock(self.folder / "lock")

    def cancel(self) -> None:
        """Stop the work at its next report; what waits is taken back at once."""
        with contextlib.suppress(OSError):
            (self.folder / "cancel").touch()
            lock = self.lock()
            if lock.acquire():
                try:
                    record = self.read_record()
                    if record is not None and record.state == "waiting":
                        self.take_back()
                        self.write(Record("cancelled", message=Message("cancelled")))
                finally:
                    lock.release()

    def write(self, record: Record) -> None:
        """Replace the state. Raises OSError when the disk is full or the folder has gone."""
        write_state(self.folder, record)


class Inspection(BackgroundWork):
    """One question and, when it is done, its answer; read anew at each access.

    `run` is the run's id, `step` the checkpoint's. What was asked never changes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self.run = folder.parent.parent.name
        request = read_json(folder / "request.json")
        self.kind: str = request["kind"]
        self.step: int = request["step"]
        self.parameters: dict[str, Any] = request["parameters"]

    def __repr__(self) -> str:
        return f"Inspection({self.kind!r}, run {self.run!r}, step {self.step})"

    @property
    def record(self) -> Record:
        """State, progress and message, read together."""
        gone = Message("the answer is gone, or run {run} was deleted", run=self.run)
        return self.read_record() or Record("failed", message=gone)

    def queue_again(self) -> None:
        """For the inspector of this folder."""
        mark(self.root, self.run, self.id)

    def take_back(self) -> None:
        """It was not begun."""
        forget(self.root, self.run, self.id)

    @property
    def root(self) -> Path:
        """The runs folder."""
        return self.folder.parents[2]

    @property
    def state(self) -> State:
        """waiting, working, done, failed or cancelled."""
        return self.record.state

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0 to 1."""
        return self.record.progress

    @property
    def message(self) -> str:
        """The progress of the analysis, or why it failed, in one sentence."""
        return self.record.message

    @property
    def result(self) -> dict[str, Any]:
        """The answer; each kind's module says what it holds. Raises RunError until it is done."""
        try:
            return dict(read_json(self.folder / "result.json"))
        except (OSError, ValueError) as error:
            raise RunError(self._no_answer()) from error

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The answer's arrays by name. Raises RunError until it is done."""
        try:
            with np.load(self.folder / "arrays.npz", allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError) as error:
            raise RunError(self._no_answer()) from error

    def array(self, name: str) -> NDArray[Any]:
        """One array of the answer. Raises RunError until it is done, KeyError for other names."""
        try:
            with np.load(self.folder / "arrays.npz", allow_pickle=False) as file:
                if name not in file.files:
                    known = ", ".join(file.files) or Message("none")
                    raise KeyError(
                        Message(
                            "{kind} has no array {name}; it has: {known}",
                            kind=self.kind,
                            name=name,
                            known=known,
                        )
                    )
                found: NDArray[Any] = file[name]
                return found
        except (OSError, ValueError) as error:
            raise RunError(self._no_answer()) from error

    def _no_answer(self) -> str:
        record = self.record
        return Message(
            "{kind} of run {run} is {state}: {message}",
            kind=self.kind,
            run=self.run,
            state=Message(record.state),
            message=record.message or Message("no answer"),
        )

    def stream(self, since: int = 0) -> list[dict[str, Any]]:
        """The objects streamed so far, without the first `since` of them."""
        try:
            lines = (self.folder / "stream.jsonl").read_bytes().split(b"\n")[:-1]
        except OSError:
            return []
        return [json.loads(line) for line in lines[since:]]


def write_state(folder: Path, record: Record) -> None:
    """Replace status.json. Raises OSError.

    It is written ten times a second, so it is not flushed to the disk: a crash of the machine ends
    the work too.
    """
    kept = {"schema": 1, **record._asdict(), **said(record.message)}
    with replacing(folder / "status.json") as fresh:
        fresh.write_text(json.dumps(kept, ensure_ascii=False))


def inspector_lock(root: Path) -> Path:
    """Held by the one inspector of a runs folder."""
    return INSPECTOR.lock(root)


def ask(
    store: RunStore, run: Run, kind: str, step: int | None = None, **parameters: Any
) -> Inspection:
    """The answer to a question, or the question on its way; `step` None is the newest checkpoint.

    What was asked before is not asked twice: a done, waiting or working question is returned as it
    is, and so is one that would fail in the same way. A cancelled one, or one whose process died,
    starts anew. So a page asks when somebody acts, and follows with :func:`find`.

    Raises RunError where the run can't have an answer: no such kind or parameter, no checkpoint,
    another family of networks, a run that is gone; and for what is not answered yet where runs are
    only to look at.
    """
    if read_only.is_read_only():
        return _answered(run, kind, step, parameters)
    inspection, record = _prepared(run, kind, step, parameters)
    if record is None or _worth_asking_again(record):
        _enqueue(store, inspection)
    elif record.state == "waiting":
        mark(store.root, run.id, inspection.id)  # its marker may have been lost
    with contextlib.suppress(OSError):
        os.utime(inspection.folder)  # the least recently asked go first when there are too many
    return inspection


def look(run: Run, kind: str, step: int | None = None, **parameters: Any) -> Inspection | None:
    """The question as it stands, None if nobody asked it yet. Raises RunError as `ask` does."""
    step, checked = _checked(run, kind, step, parameters)
    try:
        return Inspection(_folder(run, kind, step, checked))
    except (OSError, ValueError):
        return None


def find(run: Run, id: str) -> Inspection:
    """The question with this id. Raises RunError when the run has none such."""
    folder = run.path / FOLDER
    try:
        if id not in os.listdir(folder):
            raise RunError(
                Message("run {run} has no inspection {id}; ask again", run=run.id, id=id)
            )
        return Inspection(folder / id)
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, RunError):
            raise
        raise RunError(
            Message(
                "run {run} has no readable inspection {id}; ask again",
                run=run.id,
                id=id,
            )
        ) from error


def prepare(
    run: Run, kind: str, step: int | None = None, parameters: dict[str, Any] | None = None
) -> Inspection:
    """The question without queueing it, for who answers it in this very process.

    Raises RunError as :func:`ask` does.
    """
    if read_only.is_read_only():
        return _answered(run, kind, step, parameters or {})
    return _prepared(run, kind, step, parameters or {})[0]


def _answered(run: Run, kind: str, step: int | None, parameters: dict[str, Any]) -> Inspection:
    """A question that has its answer. Raises RunError for any other: it would be written down."""
    known = look(run, kind, step, **parameters)
    if known is None or known.state != "done":
        read_only.refuse()
    assert known is not None
    return known


def _worth_asking_again(record: Record) -> bool:
    return record.state in ("failed", "cancelled") and not record.settled


def _prepared(
    run: Run, kind: str, step: int | None, parameters: dict[str, Any]
) -> tuple[Inspection, Record | None]:
    """The question on disk, and where it stands if it was there before."""
    step, checked = _checked(run, kind, step, parameters)
    folder = _folder(run, kind, step, checked)
    try:
        inspection = Inspection(folder)
        if (folder / "status.json").exists():
            return inspection, inspection.record
    except (OSError, ValueError, KeyError):
        pass
    request = {"schema": 1, "kind": kind, "step": step, "parameters": checked}
    try:
        if not run.path.is_dir():
            raise RunError(Message("run {run} was deleted; choose another", run=run.id))
        folder.mkdir(parents=True, exist_ok=True)
        write_state(folder, Record("waiting", message=WAITS))
        # Last, because a folder with this file counts as a question.
        write_json(folder / "request.json", request)
    except OSError as error:
        raise RunError(
            Message("run {run} can't keep an answer: {why}", run=run.id, why=reason(error))
        ) from error
    return Inspection(folder), None


def _checked(
    run: Run, kind: str, step: int | None, parameters: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """The step and every parameter. Raises RunError where there can't be an answer."""
    if kind not in KINDS:
        raise RunError(
            Message(
                "there is no inspection {kind}; accepted: {known}",
                kind=kind,
                known=", ".join(KINDS),
            )
        )
    run.check_ours()
    row, model = KINDS[kind], run.config.model
    if model.family not in row.families:
        fitting = joined([named(family) for family in row.families], " or ")
        raise RunError(
            Message(
                "run {run} is {family}; {kind} needs {fitting}",
                run=run.id,
                family=named(model.family),
                kind=kind,
                fitting=fitting,
            )
        )
    if run.config.image is not None and kind in ("generate", "score"):
        raise RunError(
            Message(
                "run {run} tells images apart; {kind} needs a run on text",
                run=run.id,
                kind=kind,
            )
        )
    if row.needs_output and not run.source.get("writes", True):
        raise RunError(
            Message(
                "run {run} is an encoder without an output layer; accepted of it: {kinds}",
                run=run.id,
                kinds=", ".join(
                    name
                    for name, one in KINDS.items()
                    if not one.needs_output and (not one.needs_masked or run.source.get("masked"))
                ),
            )
        )
    if row.needs_masked and not run.source.get("masked"):
        raise RunError(
            Message(
                "run {run} has no head for masked tokens; {kind} needs a pretrained BERT that was"
                " adopted with its own (BertForMaskedLM)",
                run=run.id,
                kind=kind,
            )
        )
    if row.needs_attention and "attention" not in model.parts:
        raise RunError(
            Message(
                "run {run} has no attention; {kind} needs blocks with attention",
                run=run.id,
                kind=kind,
            )
        )
    steps = run.checkpoints
    if not run.path.is_dir():
        raise RunError(Message("run {run} was deleted; choose another", run=run.id))
    if not steps:
        raise RunError(Message("run {run} has no checkpoint yet; train it further", run=run.id))
    step = steps[-1] if step is None else step
    if step not in steps:
        known = ", ".join(map(str, steps))
        raise RunError(
            Message(
                "run {run} has no checkpoint at step {step}; accepted: {known}",
                run=run.id,
                step=step,
                known=known,
            )
        )
    try:
        return step, row.check(kind, parameters, run.model_at(step)).model_dump()
    except ValueError as error:
        raise RunError(told(error)) from error


def _folder(run: Run, kind: str, step: int, parameters: dict[str, Any]) -> Path:
    question = [kind, KINDS[kind].version, step, parameters]
    text = json.dumps(question, ensure_ascii=False, sort_keys=True)
    return run.path / FOLDER / hashlib.sha256(text.encode()).hexdigest()[:16]


def _enqueue(store: RunStore, inspection: Inspection) -> None:
    try:
        for name in ("cancel", "result.json", "arrays.npz", "stream.jsonl"):
            (inspection.folder / name).unlink(missing_ok=True)
        inspection.write(Record("waiting", message=WAITS))
        mark(store.root, inspection.run, inspection.id)
    except OSError as error:
        raise RunError(
            Message(
                "{kind} can't be asked: {why}",
                kind=inspection.kind,
                why=reason(error),
            )
        ) from error
