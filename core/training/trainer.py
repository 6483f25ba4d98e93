"""The training loop: one function of a run's directory, on whatever device there is.

Step s is measured at the parameters θ_s after s updates: the loss of its batch, the gradient
norms, the probes and, where due, the validation loss all belong to θ_s. Evaluation, sampling and
probes use generators of their own, so a run with probes and one without are bit-identical.
"""

from __future__ import annotations

import contextlib
import time

import torch
from torch import Tensor

from core.config.units import unit
from core.files import write_json
from core.models import profile
from core.probes.alarms import all_alarms, uniform_entropy
from core.probes.gradients import GradientNorms
from core.runs import Run, RunError
from core.runs.schemas import marked
from core.runs.status import State
from core.training import checkpoints, hooks
from core.training.control import Mode, RunControl, Steering
from core.training.devices import choose_device, keep_heap_small, precision, to_device
from core.training.disk import Disk
from core.training.metric_log import MetricLog
from core.training.objectives import Batch, Task, task_of
from core.training.optimizers import build_optimizer, learning_rate
from core.training.rewire import rewired
from core.training.state import TrainingState
from core.training.timing import Pace, Stopwatch

AGAIN = "resumed, it does again what is not on the disk"


class NoRoomError(Exception):
    """The run was asked to stop while it waited for room on a full disk."""


class Trainer:
    """Trains one run to its end, or to a stop; the caller holds the run's lock.

    Making it loads the corpus and the newest whole checkpoint. Raises RunError and CorpusError.
    """

    def __init__(
        self, run: Run, control: RunControl, watch: hooks.Watch = lambda status: None
    ) -> None:
        self.run, self.config, self._control = run, run.config, control
        run.check_release()
        self.device = choose_device(self.config)
        keep_heap_small(self.config.training.recompute and self.device.type == "cpu")
        self.disk = Disk()
        self._report = hooks.ReportStatus(run, self.disk, self.device, watch)
        self._report.become("starting")
        processor = hooks.ShareProcessor(run, self.disk, control)
        self.task = _task(run, self.device)
        damaged: list[str] = []
        self.state = _resumed(run, self.task, self.device, damaged)
        corpus = self.task.corpus
        alarms = all_alarms(
            corpus.unigram_entropy,
            unit(corpus.unit),
            run.corpus.get("floor"),
            corpus.unigram_validation,
            uniform_entropy(run.config.probe_length, run.config.model.causal),
        )
        self.log = MetricLog(run, self.state.step, alarms, self.disk)
        fork = run.fork
        if fork is not None and self.state.step == fork.step:
            text = f"forked from {fork.name} at step {fork.step:,}."
            run.add_event("fork", fork.step, text=text)
        for sentence in damaged:  # after the start, which makes older events of this step void
            text = f"{sentence}. Training goes on from step {self.state.step}."
            run.add_event("note", self.state.step, text=text)
        if damaged:
            self._report.say(f"{'; '.join(damaged)}; training goes on from step {self.state.step}")
        run.add_event("threads", self.state.step, threads=processor.threads)
        self._rewire = hooks.Rewire(run, self.task, self.disk, self.flush, self._rewired)
        self._checkpoints = hooks.KeepCheckpoints(run, self.disk, self.flush)
        self._evaluate = hooks.Evaluate(run, self.task, self.log, self.device, self.flush)
        self._hooks: list[hooks.Hook] = [
            hooks.Divergence(),
            self._rewire,
            self._evaluate,
            *self._probes(),
            self._checkpoints,
            self._report,
            processor,
        ]
        self._steering = Steering(control, lambda text: self._rewire.plan(self.state.step, text))
        self._norms = self._gradient_norms()
        self.state.model.train()
        self.disk.when_full = self._wait_for_room

    def train(self) -> State:
        """Returns finished, stopped or diverged; raises what went wrong otherwise."""
        self._report.become("running", step=self.state.step)
        try:
            ended = self._loop()
            self.disk.now(self.log.close)
            self._report.become(ended, step=self.state.step)
        except NoRoomError:
            self._close()
            ended = "stopped"
            self._report.tell(
                ended, self.state.step, "it was stopped while the disk was full; " + AGAIN
            )
        except BaseException:
            self._close()
            raise
        return ended

    def _close(self) -> None:
        with contextlib.suppress(OSError):  # on a disk that fails; what was flushed can be read
            self.log.close()

    def _loop(self) -> State:
        state, steps = self.state, self.config.training.steps
        while state.diverged_at is None:
            mode = self._steering.poll()
            if mode.waits and state.step < steps:
                mode = self._wait()
            if mode is Mode.STOPPING:
                self.flush()
                self._checkpoints.write(state)
                return "stopped"
            for hook in self._hooks:
                hook.on_step_start(state)
            if state.step == steps:
                self.flush()
                return self._finish()
            self.advance()
        return "diverged"

    def advance(self) -> None:
        """One step, and a flush where it is time for one."""
        self._step()
        self._steering.stepped()
        self.disk.check()
        if self.log.due:
            self._flush()
        for hook in self._hooks:
            if self.state.diverged_at is None:
                hook.on_step_end(self.state)

    def _step(self) -> None:
        started = time.perf_counter()
        config, state = self.config, self.state
        rate = learning_rate(config.optimizer, state.step, config.training.steps)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        batch = self.task.batch(state.step)
        measured, columns = [self._backward(batch)[None]], {"loss/train": 0}
        if self._norms is not None:
            norms = self._norms.measure()
            if config.optimizer.clip > 0:
                scale = self._norms.clipping(norms, config.optimizer.clip)
                state.optimizer.grad_scale = scale  # type: ignore[attr-defined]
            if config.probes.every > 0:
                measured.append(norms)
                columns |= self._norms.columns
        row = {
            "step": state.step,
            "seconds": state.stopwatch.seconds,
            "loss/unigram": self.task.baseline(batch.targets),
            "learning_rate": rate,
        }
        self.log.add(row, torch.cat(measured), columns, time.perf_counter() - started)
        self._evaluate.first(state)
        started = time.perf_counter()
        for hook in self._hooks:
            hook.on_backward(state)
        state.optimizer.step()
        for hook in self._hooks:
            hook.on_update(state)
        state.optimizer.zero_grad(set_to_none=True)
        state.step += 1
        self.log.took(time.perf_counter() - started)

    def _backward(self, batch: Batch) -> Tensor:
        """The gradients of the batch's mean loss, added up part by part; that loss, () float64."""
        training = self.config.training
        losses = []
        for part in batch.parts(training.accumulate):
            inputs, targets = (to_device(one, self.device) for one in part)
            with precision(training.precision, self.device):
                loss = self.task.loss(self.state.model(inputs), targets)
            (loss / training.accumulate).backward()
            losses.append(loss.detach().double())
        return torch.stack(losses).mean()

    def flush(self) -> None:
        """Write what was measured; it is on the disk when this returns."""
        self._flush()
        self.disk.settle()

    def _flush(self) -> None:
        """Have what was measured written. Synchronises with the device, once."""
        rows = self.log.flush(self.config.tokens_per_step)
        for hook in self._hooks:
            hook.on_flush(self.state, rows)

    def _finish(self) -> State:
        if self.state.diverged_at is not None:
            return "diverged"
        for hook in self._hooks:
            hook.on_finish(self.state)
        return "finished"

    def _wait(self) -> Mode:
        """Paused: what was measured is on disk and the slot is free, until told to go on."""
        self.flush()
        if self.state.diverged_at is not None:
            return self._steering.mode  # nothing is left to pause
        if self._steering.mode is Mode.PAUSED:
            self._checkpoints.write(self.state)
        self.state.stopwatch.stop()
        self._control.leave()
        self._report.become("paused", step=self.state.step)
        while (mode := self._steering.poll()) is not Mode.STOPPING:
            if not mode.waits and self._control.enter():
                self._report.become("running")
                break
            self._control.wait()
        self.state.stopwatch.start()
        return mode

    def _wait_for_room(self) -> None:
        """The disk is full: what is to be written waits in memory, and the run until there is room.

        Raises NoRoomError where it is asked to stop.
        """
        self.state.stopwatch.stop()
        self._control.leave()
        needed = in_megabytes(self.disk.waiting)
        self._report.tell(
            "paused", self.state.step, f"the disk is full: free {needed} MB; it goes on by itself"
        )
        try:
            while self.disk.full or not self._control.enter():
                if self._steering.poll() is Mode.STOPPING:
                    self.disk.give_up()
                    raise NoRoomError
                self._control.wait()
        finally:
            self.state.stopwatch.start()
        self._report.become("running")

    # What it is made of

    def _probes(self) -> list[hooks.Hook]:
        if self.config.probes.every == 0:
            return []
        told = (self.run, self.task, self.disk, self.log, self.device)
        return [hooks.Probe(*told, self.state.model)]

    def _gradient_norms(self) -> GradientNorms | None:
        # Clipping needs the whole norm in any case, and the same one with probes and without.
        needed = self.config.probes.every > 0 or self.config.optimizer.clip > 0
        return GradientNorms(self.state.model) if needed else None

    def _rewired(self) -> None:
        self.log.renew()
        self._norms = self._gradient_norms()
        for hook in self._hooks:
            hook.on_rewired(self.state)


def in_megabytes(size: int) -> str:
    """What has to be free for so many bytes, in whole MB and at least one."""
    return f"{-(-size // 2**20) + 1:,}"


def _task(run: Run, device: torch.device) -> Task:
    """What the run learns, as its directory has known it since the first start."""
    task = task_of(run.config)
    corpus, known = task.corpus, run.corpus.get("sha256")
    if known not in (None, corpus.sha256):
        raise RunError(
            f"run {run.id} was started on {run.corpus.get('corpus')} with SHA-256"
            f" {str(known)[:12]}…, but here that corpus has {corpus.sha256[:12]}…; bring the"
            " same data (its hash names it in the cache) to resume"
        )
    if task.alphabet is not None:
        tokenizer = {"kind": "characters", "alphabet": task.alphabet}
        write_json(run.path / "tokenizer.json", marked("tokenizer.json", tokenizer))
    write_json(run.path / "corpus.json", marked("corpus.json", task.about()))
    task.to(device)
    return task


def _resumed(run: Run, task: Task, device: torch.device, damaged: list[str]) -> TrainingState:
    """The network and its optimizer as the newest whole checkpoint has them, or new ones.

    What is wrong with a newer checkpoint is added to `damaged`, a sentence each.
    """
    fork = run.fork
    for step in (*reversed(run.checkpoints), *([0] if fork is None else [])):  # falls back
        # Rebuilt for each: a layer may have been switched between two checkpoints.
        torch.manual_seed(run.config.training.seed)
        wiring = run.model_at(step)
        model = task.build(wiring).to(device)
        optimizer = build_optimizer(model, run.config.optimizer)
        try:
            progress = checkpoints.resume(run.path / "checkpoints", step, model, optimizer)
        except checkpoints.NewerCheckpointError:
            raise
        except checkpoints.CheckpointError as error:
            progress = None
            damaged.append(str(error))
            checkpoints.set_aside(run.path / "checkpoints", step)
            if not step:  # the network has what was read of it
                torch.manual_seed(run.config.training.seed)
                model = task.build(wiring).to(device)
                optimizer = build_optimizer(model, run.config.optimizer)
        if progress is not None:
            break
    else:
        if fork is not None:
            raise RunError(
                f"none of its checkpoints can be read ({'; '.join(damaged)}) and it starts at none"
                f" of its own; fork {fork.name} again"
            )
        profile(model, task.batch(0).inputs.to(device))
        progress = checkpoints.Progress(0, 0.0)
    if fork is not None and progress.step == fork.step:
        if run.config.training.seed != fork.config.training.seed:
            torch.manual_seed(run.config.training.seed)  # its dropout is another too
        wiring = run.wired(step)
        if wiring != fork.wiring:  # by its own settings it is another network than was forked
            model, optimizer = rewired(
                model,
                optimizer,
                lambda: task.build(wiring),
                lambda new: build_optimizer(new, run.config.optimizer),
            )
    run.snapshots.forget_from(progress.step)
    pace = Pace(run.config.training.steps, run.config.training.evaluate_every)
    stopwatch = Stopwatch(progress.seconds)
    return TrainingState(progress.step, model, optimizer, wiring, stopwatch, pace)
