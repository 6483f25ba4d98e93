"""The training loop: one function of a run's directory, on whatever device there is.

Step s is measured at the parameters θ_s after s updates: the loss of its batch, the gradient
norms, the probes and, where due, the validation loss all belong to θ_s. Evaluation, sampling and
probes use generators of their own, so a run with probes and one without are bit-identical.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from core.config import RunConfig, Switch
from core.config.overrides import parse
from core.data.corpora import Text
from core.data.images import Images
from core.data.units import unit
from core.models import profile
from core.probes import activations, attention, depth
from core.probes.alarms import all_alarms, uniform_entropy
from core.probes.gradients import GradientNorms, UpdateRatios
from core.runs import Run, RunError, Status
from core.runs.files import write_json
from core.runs.snapshots import due as snapshot_due
from core.runs.status import State
from core.training import checkpoints
from core.training.desk import Clock, Desk, Pace
from core.training.optimizers import build_optimizer, learning_rate
from core.training.recorder import Recorder
from core.training.switching import rewired
from core.training.tasks import task_of

PAUSED_POLL_SECONDS = 0.03
Watch = Callable[[Status], None]


def choose_device(config: RunConfig) -> torch.device:
    """The device of `training.device`. Raises RunError when CUDA is asked for and absent."""
    wish = config.training.device
    if wish == "cuda" and not torch.cuda.is_available():
        raise RunError("training.device: there is no CUDA GPU here; accepted: auto, cpu")
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wish)


class Trainer:
    """Trains one run to its end, or to a stop; the caller holds the run's lock."""

    def __init__(self, run: Run, desk: Desk, watch: Watch = lambda status: None) -> None:
        self.run, self.config, self.desk, self.watch = run, run.config, desk, watch
        self.device = choose_device(self.config)
        self._threads = 0
        self._paused = False
        self._stopping = False
        self._single = False  # pause after the next step
        self._keep_pause = False  # and leave a checkpoint when pausing
        self._status = Status(
            step=run.record.step,  # until the checkpoint says where it goes on
            steps=self.config.training.steps,
            device=self.device.type,
            pid=os.getpid(),
        )
        self._written = 0.0

    def train(self) -> State:
        """Returns finished, stopped or diverged; raises what went wrong otherwise."""
        self._set_state("starting")
        self.prepare()
        try:
            state = self._loop()
        finally:
            self.recorder.close()
        self._set_state(state)
        return state

    def prepare(self) -> None:
        """Task, network, optimizer, and the newest checkpoint where there is one."""
        config, run = self.config, self.run
        self._share_processor(step=None)
        self.task = task_of(config)
        self._same_corpus(self.task.corpus)
        self._describe_task()
        self.task.to(self.device)

        self._switches = run.switches
        progress = self._newest_checkpoint()
        self.step = progress.step
        self._status = self._status.model_copy(update={"step": progress.step})
        run.snapshots.forget_from(progress.step)
        self.clock = Clock(progress.seconds)
        self.pace = Pace(config.training.steps, config.training.evaluate_every)
        corpus = self.task.corpus
        alarms = all_alarms(
            corpus.unigram_entropy,
            unit(corpus.unit),
            self.run.corpus.get("floor"),
            corpus.unigram_validation,
            uniform_entropy(self.config.probe_length, self.wiring.causal),
        )
        self.recorder = Recorder(run, progress.step, alarms)
        if self._threads:
            run.add_event("threads", progress.step, threads=self._threads)
        self._watch_parameters()
        self.model.train()

    def _newest_checkpoint(self) -> checkpoints.Progress:
        """The network and its optimizer as the newest whole checkpoint has them, or new ones."""
        folder = self.run.path / "checkpoints"
        for step in (*reversed(self.run.checkpoints), 0):  # a damaged one falls back
            # Rebuilt for each: a layer may have been switched between two checkpoints.
            torch.manual_seed(self.config.training.seed)
            self.wiring = self.run.model_at(step)
            self.model = self.task.build(self.wiring).to(self.device)
            self.optimizer = build_optimizer(self.model, self.config.optimizer)
            progress = checkpoints.resume(folder, step, self.model, self.optimizer)
            if progress is not None:
                return progress
        profile(self.model, self.task.batch(0).inputs.to(self.device))
        return checkpoints.Progress(0, 0.0)

    def _watch_parameters(self) -> None:
        measured = self.config.probes.every > 0
        # Clipping needs the whole norm in any case, and the same one with probes and without.
        needed = measured or self.config.optimizer.clip > 0
        self.norms = GradientNorms(self.model) if needed else None
        self.ratios = UpdateRatios(self.model) if measured else None

    def _turn_switches(self) -> None:
        """Rewire what is scheduled, or was turned by hand, for this very step."""
        due = [switch for switch in self._switches if switch.step == self.step]
        if not due or self.step == self.config.training.steps:
            return
        self.flush()
        for switch in due:
            self.wiring = self.wiring.switched(switch.override)
            self.model, self.optimizer = rewired(
                self.model,
                self.optimizer,
                lambda: self.task.build(self.wiring),
                lambda model: build_optimizer(model, self.config.optimizer),
            )
            self.run.add_event("switch", self.step, text=switch.words, **switch.changes)
        self.recorder.renew()
        self._watch_parameters()

    def _same_corpus(self, corpus: Text | Images) -> None:
        run, known = self.run, self.run.corpus.get("sha256")
        if known not in (None, corpus.sha256):
            raise RunError(
                f"run {run.id} was started on {run.corpus.get('corpus')} with SHA-256"
                f" {str(known)[:12]}…, but here that corpus has {corpus.sha256[:12]}…; bring the"
                " same data (its hash names it in the cache) to resume"
            )

    def _describe_task(self) -> None:
        alphabet = self.task.alphabet
        if alphabet is not None:
            tokenizer = {"kind": "characters", "alphabet": alphabet}
            write_json(self.run.path / "tokenizer.json", tokenizer)
        write_json(self.run.path / "corpus.json", self.task.about())

    # The loop

    def _loop(self) -> State:
        training = self.config.training
        self._set_state("running")
        while True:
            self._obey()
            if self._stopping:
                self.flush()
                self._checkpoint()
                return "stopped"
            self._turn_switches()
            if self.step in (0, training.steps) or _due(self.step, training.evaluate_every):
                self._evaluate()
            if self.step == training.steps:
                self.flush()
                if self.recorder.diverged_at is not None:
                    return "diverged"
                self._final_probe()
                self._checkpoint()
                return "finished"
            if self.advance() and self.recorder.diverged_at is not None:
                return "diverged"
            if _due(self.step, training.checkpoint_every) and self.step < training.steps:
                self.flush()
                if self.recorder.diverged_at is not None:
                    return "diverged"
                self._checkpoint()

    def advance(self) -> bool:
        """One step; True when its measurements and those before it were flushed."""
        self._one_step()
        return self.flush(force=False)

    def _one_step(self) -> None:
        started = time.perf_counter()
        config, step = self.config, self.step
        rate = learning_rate(config.optimizer, step, config.training.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = self.task.batch(step)
        inputs, targets = (self._to_device(part) for part in batch)
        with self._precision():
            loss = self.task.loss(self.model(inputs), targets)
        loss.backward()
        measured = [loss.detach().double()[None]]
        columns = {"loss/train": 0}
        if self.norms is not None:
            norms = self.norms.measure()
            if config.optimizer.clip > 0:
                scale = self.norms.clipping(norms, config.optimizer.clip)
                self.optimizer.grad_scale = scale  # type: ignore[attr-defined]
            if config.probes.every > 0:
                measured.append(norms)
                columns |= self.norms.columns
        probing = self.ratios is not None and step % config.probes.every == 0
        found = self._look() if probing else None
        if probing and self.ratios is not None:
            self.ratios.before()
        self.optimizer.step()
        if found is not None and self.ratios is not None:
            self._keep(found | self.ratios.measure())
        self.optimizer.zero_grad(set_to_none=True)
        row = {
            "step": step,
            "seconds": self.clock.seconds,
            "loss/unigram": self.task.baseline(batch.targets),
            "learning_rate": rate,
        }
        self.step += 1
        self.recorder.add(row, torch.cat(measured), columns, time.perf_counter() - started)
        if self._single:
            self._single, self._paused = False, True

    def _to_device(self, part: Tensor) -> Tensor:
        if self.device.type == "cuda":
            return part.pin_memory().to(self.device, non_blocking=True)
        return part

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        wish = self.config.training.precision
        if wish == "float32" or (wish == "auto" and self.device.type == "cpu"):
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    @contextlib.contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Without gradients, dropout or a change of any random state."""
        self.model.eval()
        try:
            with torch.no_grad(), self._precision():
                yield
        finally:
            self.model.train()

    # What is measured at intervals

    def _look(self) -> dict[str, Tensor]:
        """Statistics of the probe at θ_s, and its attention where a snapshot is due."""
        with self._evaluating():
            trace = self.model.trace(self.task.probe)
        if snapshot_due(self.step // self.config.probes.every):
            self._snapshot(trace)
        return activations.statistics(trace) | depth.profiles(trace)

    def _snapshot(self, trace: dict[str, Tensor]) -> None:
        if self.config.probes.attention and attention.present(trace):
            causal = self.wiring.causal
            self.run.snapshots.write(self.step, attention.patterns(trace), causal)

    def _keep(self, found: dict[str, Tensor]) -> None:
        # One copy for all: a row of a few hundred numbers.
        flat = torch.cat([v.detach().float().reshape(-1) for v in found.values()]).cpu().numpy()
        values, start = {}, 0
        for name, value in found.items():
            part = flat[start : start + value.numel()]
            values[name] = part if value.ndim else part[0]
            start += value.numel()
        self.recorder.one("probe", self.step, self.clock.seconds, values)

    def _final_probe(self) -> None:
        if self.ratios is None:
            return
        with self._evaluating():
            trace = self.model.trace(self.task.probe)
        self._snapshot(trace)

    def _evaluate(self) -> None:
        began = self.clock.seconds
        with self._evaluating():
            measured = self.task.evaluate(self.model)
            text = self.task.sample(self.model)
        self.pace.evaluated(self.clock.seconds - began)
        self.recorder.one("evaluation", self.step, self.clock.seconds, measured)
        if text is not None:
            self.recorder.event({"kind": "sample", "step": self.step, "text": text})

    # The world outside

    def flush(self, force: bool = True) -> bool:
        """Write what was measured, synchronising with the device; True when it was done."""
        if not force and not self.recorder.due:
            return False
        rows = self.recorder.flush(self.config.tokens_per_step)
        if rows is not None:
            speed = float(rows["tokens_per_second"][-1])
            self.pace.note(self.step, self.clock.seconds)
            left = self.pace.left
            self._status = self._status.model_copy(
                update={"step": self.step, "tokens_per_second": speed, "seconds_left": left}
            )
            self._set_state(self._status.state, force=False)
        self._share_processor(self.step)
        return True

    def _checkpoint(self) -> None:
        if self.step in self.run.checkpoints:
            return
        progress = checkpoints.Progress(self.step, self.clock.seconds)
        checkpoints.write(self.run.path / "checkpoints", progress, self.model, self.optimizer)

    def _share_processor(self, step: int | None) -> None:
        wish = self.config.training.threads
        threads = self.desk.threads() if wish == "auto" else wish
        if threads != self._threads:
            torch.set_num_threads(threads)
            self._threads = threads
            if step is not None:
                self.run.add_event("threads", step, threads=threads)

    def _obey(self) -> None:
        self._take_orders()
        if self._paused and not self._stopping:
            self._wait()

    def _take_orders(self) -> None:
        for order in self.desk.commands():
            if order.command == "stop":
                self._stopping = True
            elif order.command == "switch":
                self._plan_switch(order.text)
            else:
                self._paused = order.command == "pause"
                self._single = order.command == "step"
                self._keep_pause = order.command == "pause"

    def _plan_switch(self, text: str) -> None:
        """Write a switch down for the next step; one that can't be built is only noted."""
        model = self.run.model_at(self.step + 1)
        try:
            for one in parse(text):
                switch = Switch(step=self.step, **one)
                model = model.switched(switch.override)
                self.run.add_switch(switch)
        except ValueError as error:
            self.run.add_event("note", self.step, text=f"a switch was refused: {error}")
        self._switches = self.run.switches

    def _wait(self) -> None:
        """Paused: what was measured is on disk and the place is free, until told to go on."""
        self.flush()
        if self.recorder.diverged_at is not None or self.step == self.config.training.steps:
            return  # nothing is left to pause
        if self._keep_pause:  # a single step is cheaper to repeat than to keep
            self._checkpoint()
        self.clock.stop()
        self.desk.leave()
        self._set_state("paused")
        while not self._stopping:
            self._take_orders()
            if not self._paused and self.desk.enter():
                self._set_state("running")
                break
            time.sleep(PAUSED_POLL_SECONDS)
        self.clock.start()

    def _set_state(self, state: State, force: bool = True) -> None:
        changed = state != self._status.state
        self._status = self._status.model_copy(update={"state": state, "changed": time.time()})
        if state not in ("running", "starting"):
            self._status = self._status.model_copy(
                update={"tokens_per_second": None, "seconds_left": None}
            )
        if force or changed or time.perf_counter() - self._written > 1:
            self.run.write_status(self._status)
            self._written = time.perf_counter()
        self.watch(self._status)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
