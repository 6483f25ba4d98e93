"""The inspector: a detached process with torch imported that answers questions to checkpoints.

``python -m core.jobs.inspection_worker ROOT``. There is one per runs folder, by lock. It takes
questions oldest first and keeps the networks it loaded last. A quick question is answered between
the pieces of a slow one. It counts among the machine's jobs while it works, so that training beside
it gives up its part of the processor, and ends after ten idle minutes.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import shutil
import sys
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from core.anatomy import KINDS, Answer, CancelledError, load
from core.anatomy.loaded_checkpoint import LoadedCheckpoint, device_of
from core.data.downloads import CorpusError
from core.files import is_full, write_atomically, write_json
from core.jobs import environment, inspection_queue, inspections
from core.jobs.inspections import Inspection, Record
from core.jobs.processes import INSPECTOR
from core.jobs.slots import Slot
from core.jobs.worker import Worker
from core.language import Message, told
from core.machine import cores
from core.runs import Run, RunError, RunStore
from core.runs.retention import ANSWER_BYTES as BUDGET_BYTES
from core.training.devices import is_out_of_memory

WRITE_SECONDS = 0.1  # between two states on disk
SHARE_SECONDS = 0.25
# Parameters below which one thread writes text faster than two (1.2 to 1.7 times on busy cores).
SMALL = 2_000_000
MODELS_KEPT = 4
MODEL_BYTES = 2**30  # of their weights; the one in use stays whatever its size


def main() -> None:
    """Answer questions until ten minutes pass without one."""
    inspector = Inspector(RunStore(sys.argv[1]))
    if not inspector.begin():
        return
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_flush_denormal(True)
    inspector.serve()
    if inspector.outdated:
        inspector.restart()


class Inspector(Worker):
    """Answers the questions of one runs folder in this process."""

    service = INSPECTOR

    def __init__(self, store: RunStore) -> None:
        super().__init__(store, inspection_queue.question_queue(store.root))
        self._checkpoints: OrderedDict[tuple[str, int, int], LoadedCheckpoint] = OrderedDict()
        self._nested = False
        self._slot: Slot | None = None

    def serve(self) -> None:
        """Answer until nothing is asked for ten minutes, or until it has to end earlier."""
        while self.next(self._take_one):
            pass

    def _take_one(self) -> bool | None:
        waiting = inspection_queue.waiting(self.store.root)
        return any(self.take(*question) for question in waiting) or None

    def take(self, run_id: str, id: str, only_quick: bool = False) -> bool:
        """Answer a question that waits; False where someone else has it or it is not quick."""
        try:
            run = self.store.open(run_id)
            inspection = inspections.find(run, id)
        except RunError:
            inspection_queue.forget(self.store.root, run_id, id)
            return False
        row = KINDS.get(inspection.kind)
        if only_quick and not (row and row.quick):
            return False
        lock = inspection.lock()
        try:
            if not lock.acquire():
                return False
        except OSError:
            inspection_queue.forget(self.store.root, run_id, id)
            return False
        before = environment.written()  # of the slow question that this one interrupts
        try:
            wanted = self.queue.read(inspection_queue.job(run_id, id))
            inspection_queue.forget(self.store.root, run_id, id)
            if inspection.record.state != "waiting":
                return False
            environment.enter(wanted)  # whoever asked may have set what this process never saw
            self.answer(run, inspection)
            return True
        finally:
            if self._nested:
                environment.enter(before)
            lock.release()

    def answer(self, run: Run, inspection: Inspection) -> Record:
        """Answer a question whose lock the caller holds, and write down how it ended.

        Never raises for what can go wrong with a question: it is then failed with one sentence.
        """
        outer = self._slot  # of the slow question that this one interrupts
        slot = outer or Slot("cuda" if device_of(run.config).type == "cuda" else "cpu")
        slot.enter(wait=False)  # somebody waits for the answer
        self._slot = slot
        desk = Desk(inspection, slot, self._serve_quick)
        try:
            inspection.write(Record("working", message=Message("loads the checkpoint")))
            analysis = load(KINDS[inspection.kind].function)
            checkpoint = self.checkpoint(run, inspection.step)
            desk.suit(checkpoint.model)
            asked = KINDS[inspection.kind].parameters(**inspection.parameters)
            answer = analysis(checkpoint, asked, desk)
            desk(1.0)
            _keep(inspection, answer)
            ended = Record("done", 1.0)
        except CancelledError:
            ended = Record("cancelled", desk.progress, Message("cancelled"))
        except Exception as error:
            ended = Record("failed", desk.progress, *_sentence(error, run))
        finally:
            desk.close()
            self._slot = outer
            if outer is None:
                slot.leave()
        with contextlib.suppress(OSError):  # a run that was deleted meanwhile takes no answer
            inspection.write(ended)
            _thin(run.path / inspections.FOLDER, inspection.folder)
        return ended

    def checkpoint(self, run: Run, step: int) -> LoadedCheckpoint:
        """A checkpoint as a network; the ones used last are kept."""
        path = run.path / "checkpoints" / f"step-{step:09d}.safetensors"
        try:
            key = (run.id, step, path.stat().st_mtime_ns)
        except OSError as error:
            raise RunError(
                Message(
                    "run {run}: the checkpoint of step {step} is gone",
                    run=run.id,
                    step=step,
                )
            ) from error
        if key not in self._checkpoints:
            self._checkpoints[key] = LoadedCheckpoint(run, step)
        self._checkpoints.move_to_end(key)
        while len(self._checkpoints) > 1 and not self._affordable():
            self._checkpoints.popitem(last=False)
        return self._checkpoints[key]

    def _affordable(self) -> bool:
        models = [checkpoint.model for checkpoint in self._checkpoints.values()]
        size = sum(p.numel() * p.element_size() for m in models for p in m.parameters())
        return len(models) <= MODELS_KEPT and size <= MODEL_BYTES

    def _serve_quick(self) -> None:
        """Between two pieces of a slow question: what would be answered in a moment."""
        if self._nested:
            return
        self._nested = True
        try:
            for question in inspection_queue.waiting(self.store.root):
                self.take(*question, only_quick=True)
        finally:
            self._nested = False


class Desk:
    """The `report` of one question: writes its state, obeys cancel, shares the processor."""

    def __init__(self, inspection: Inspection, slot: Slot, meanwhile: Any) -> None:
        self._inspection, self._slot, self._meanwhile = inspection, slot, meanwhile
        self._quick = KINDS[inspection.kind].quick
        self._written = self._shared = 0.0
        self._stream: io.FileIO | None = None
        self._most = cores()
        self.progress = 0.0

    def __call__(self, progress: float, message: str = "") -> None:
        self._check()
        self.progress = min(1.0, max(0.0, progress))
        now = time.monotonic()
        if now - self._written > WRITE_SECONDS:
            self._written = now
            self._inspection.write(Record("working", self.progress, message))
        if not self._quick:
            self._meanwhile()
        self._share()

    def suit(self, model: nn.Module) -> None:
        """Set the number of threads to what a network of this size has work for."""
        small = sum(p.numel() for p in model.parameters()) < SMALL
        self._most, self._shared = 1 if small else cores(), 0.0
        self._share()

    def emit(self, item: Mapping[str, Any]) -> None:
        self._check()
        if self._stream is None:
            self._stream = io.FileIO(self._inspection.folder / "stream.jsonl", "w")
        line = json.dumps(finite(item), ensure_ascii=False, separators=(",", ":")) + "\n"
        self._stream.write(line.encode())

    def close(self) -> None:
        """End the stream."""
        if self._stream is not None:
            self._stream.close()

    def _check(self) -> None:
        if (self._inspection.folder / "cancel").exists():
            raise CancelledError

    def _share(self) -> None:
        now = time.monotonic()
        if now - self._shared > SHARE_SECONDS:
            self._shared = now
            threads = min(self._most, self._slot.share())
            if threads != torch.get_num_threads():
                torch.set_num_threads(threads)


def finite(value: Any) -> Any:
    """The value as JSON can say it: null for what is not a finite number."""
    if isinstance(value, dict):
        return {str(key): finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    if isinstance(value, np.ndarray):
        return finite(value.tolist())
    if isinstance(value, np.generic):
        return finite(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _keep(inspection: Inspection, answer: Answer[Any]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **answer.arrays)
    write_atomically(inspection.folder / "arrays.npz", buffer.getvalue())
    write_json(inspection.folder / "result.json", finite(answer.result))


def _sentence(error: Exception, run: Run) -> tuple[str, bool]:
    """What to say of a failure, and whether asking again would fail the same way."""
    if not run.path.is_dir():
        return Message("run {run} was deleted meanwhile", run=run.id), True
    if isinstance(error, (RunError, CorpusError)):
        return told(error), False  # data that is missing can be brought
    if isinstance(error, ValueError):
        return told(error), True
    logging.exception("run %s", run.id)
    text = str(error)
    if is_out_of_memory(error):
        return Message("out of memory: ask for fewer windows or a shorter text"), False
    if is_full(error):
        return Message("the disk is full: free some room, then ask again"), False
    if isinstance(error, FileNotFoundError):
        return Message("a file of the run vanished meanwhile: {file}", file=error.filename), False
    first = text.splitlines()[0] if text else ""
    return Message(
        "{kind}: {why} (see .inspector.log in the runs folder)",
        kind=type(error).__name__,
        why=first,
    ), True


def _thin(folder: Path, keep: Path) -> None:
    """Forget the answers that were asked for least recently, beyond the budget."""
    sizes = {}
    for one in folder.iterdir():
        ended = (one / "result.json").exists() or one == keep
        if ended:
            sizes[one] = sum(f.stat().st_size for f in one.iterdir())
    for one in sorted(sizes, key=lambda f: f.stat().st_mtime):
        if sum(sizes.values()) <= BUDGET_BYTES:
            return
        if one != keep:
            shutil.rmtree(one, ignore_errors=True)
            del sizes[one]


if __name__ == "__main__":
    main()
