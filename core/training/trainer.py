"""The training loop: one function of a run's directory, on whatever device there is.

Step s is measured at the parameters θ_s after s updates: the loss of its batch, the gradient
norms, the probes and, where due, the validation loss all belong to θ_s. Evaluation, sampling and
probes use generators of their own, so a run with probes and one without are bit-identical.

What a run starts from is in `start.py`, one step in `step.py`, what happens around it in `hooks`,
what steers it in `control.py`, and where it stands still in `pauses.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from core.config.units import unit
from core.language import Message, joined
from core.probes.alarms import Alarm, all_alarms, uniform_entropy
from core.runs import Run, recalled
from core.runs.status import State
from core.training import hooks
from core.training.budget import ProbeBudget
from core.training.control import Mode, RunControl, Steering
from core.training.devices import keep_heap_small
from core.training.disk import Disk
from core.training.fast_path import FastPath
from core.training.metric_log import MetricLog
from core.training.objectives import Task
from core.training.pauses import NoRoomError, Pauses
from core.training.preparing import Preparing
from core.training.start import known_task
from core.training.team import Team

AGAIN = Message("resumed, it does again what is not on the disk")


class Trainer:
    """Trains one run to its end, or to a stop; the caller holds the run's lock.

    Making it loads the corpus and the newest whole checkpoint. Raises RunError and CorpusError.
    """

    def __init__(
        self,
        run: Run,
        control: RunControl,
        watch: hooks.Watch = lambda status: None,
        team: Team | None = None,
    ) -> None:
        self.run, self.config = run, run.config
        self._team = team = team or Team()
        control = team.steered(control)
        run.check_release()
        recalled.bring_back(run)
        self.device = team.device(self.config)
        keep_heap_small(self.config.training.recompute and self.device.type == "cpu")
        self.disk = Disk()
        self._report = hooks.ReportStatus(run, self.disk, self.device, watch, team.size)
        self._report.become("starting")
        processor = hooks.ShareProcessor(run, self.disk, control)
        preparing = Preparing(self._report, control)
        self.task = known_task(run, self.device, preparing)
        preparing.done()
        damaged: list[str] = []
        self.state = team.begin(run, self.task, self.device, damaged)
        self.log = MetricLog(run, self.state.step, _alarms(run, self.task), self.disk)
        self._tell_start(damaged, processor.threads)
        self._rewire = hooks.Rewire(
            run, self.task, self.disk, self.flush, team.rewire, self._rewired
        )
        self._checkpoints = hooks.KeepCheckpoints(run, self.disk, self.flush, team.checkpoint)
        self.fast = FastPath(
            run,
            self.task,
            self.device,
            self.disk,
            lambda: processor.threads,
            self._report.say,
            self.state.step,
            team.size,
        )
        run.add_event("machine", self.state.step, **self.fast.about())
        self._send = hooks.Send(run, self.disk, self.log, self._report)
        self.hooks: list[hooks.Hook] = [
            hooks.Divergence(),
            self._rewire,
            self.fast,
            hooks.Evaluate(run, self.task, self.log, self.device, self.flush),
            *self._probes(),
            self._checkpoints,
            self._send,
            self._report,
            processor,
            *team.hooks(),
        ]
        model = self.state.model
        self.step = team.step(self.config, self.task, self.device, self.log, self.hooks, model)
        self.step.batch, self.step.loss = self.fast.batch, self.fast.loss
        self._steering = Steering(
            control, lambda text: self._rewire.plan(self.state.step, text), preparing.pending
        )
        self.pauses = Pauses(self.state, control, self._steering, self._report, self.disk)
        model.train()
        self.disk.when_full = self.pauses.until_room

    def train(self) -> State:
        """Returns finished, stopped or diverged; raises what went wrong otherwise."""
        self.begin()
        ended = self.attempt(self._loop)
        assert ended is not None, "the loop runs to an end"
        return ended

    def begin(self) -> None:
        """Say that it trains."""
        self._report.become("running", step=self.state.step)

    def attempt(self, part: Callable[[], State | None]) -> State | None:
        """Do a part of the training, and end the run in the state that it returns, if any.

        Raises what went wrong; the run's files are then closed.
        """
        ended: State | None = "failed"
        try:
            ended = part()
            if ended is not None:
                self._send.end(ended)
                self.disk.now(self.log.close)
                self._report.become(ended, step=self.state.step)
        except NoRoomError:
            self._close()
            ended = "stopped"
            self._report.tell(
                ended,
                self.state.step,
                Message("it was stopped while the disk was full; {again}", again=AGAIN),
            )
        except BaseException:
            ended = "failed"
            self._send.end(ended)
            self._close()
            raise
        finally:
            if ended is not None:
                self.fast.end()
        return ended

    def _close(self) -> None:
        with contextlib.suppress(OSError):  # on a disk that fails; what was flushed can be read
            self.log.close()

    def _loop(self) -> State:
        while (ended := self.before_step()) is None:
            self.advance()
        return ended

    def before_step(self, pause: Callable[[], Mode] | None = None) -> State | None:
        """Obey what was commanded, and do what comes before a step.

        The state in which the run has ended; None where its next step is to be taken, or where
        `pause`, which is called instead of standing still, returned a mode that waits.
        """
        state, steps = self.state, self.config.training.steps
        if state.diverged_at is not None:
            return "diverged"
        mode = self._steering.poll()
        if mode.waits and state.step < steps:
            mode = self._pause(pause or self.pauses.until_told)
            if mode.waits or state.diverged_at is not None:
                return None if state.diverged_at is None else "diverged"
        if mode is Mode.STOPPING:
            self.flush()
            self._checkpoints.write(state)
            return "stopped"
        self.begin_step()
        if state.step == steps:
            self.flush()
            return self._finish()
        return None

    def begin_step(self) -> None:
        """What comes before a step: a switch of layers, an evaluation, the way it is computed."""
        for hook in self.hooks:
            hook.on_step_start(self.state)

    def advance(self) -> None:
        """One step, and a flush where it is time for one."""
        self.step.take(self.state)
        self.after_step()

    def after_step(self) -> None:
        """What comes after a step that was taken."""
        self._steering.stepped()
        self.disk.check()
        if self.log.due:
            self._flush()
        for hook in self.hooks:
            if self.state.diverged_at is None:
                hook.on_step_end(self.state)

    def flush(self) -> None:
        """Write what was measured; it is on the disk when this returns."""
        self._flush()
        self.disk.settle()

    def _flush(self) -> None:
        """Have what was measured written. Synchronises with the device, once."""
        rows = self.log.flush(self.config.tokens_per_step)
        for hook in self.hooks:
            hook.on_flush(self.state, rows)

    def _finish(self) -> State:
        if self.state.diverged_at is not None:
            return "diverged"
        for hook in self.hooks:
            hook.on_finish(self.state)
        return "finished"

    def _pause(self, stand: Callable[[], Mode]) -> Mode:
        """What was measured is on the disk, then it stands still until it is told to go on."""
        self.flush()
        if self.state.diverged_at is not None:
            return self._steering.mode  # nothing is left to pause
        if self._steering.mode is Mode.PAUSED:
            self._checkpoints.write(self.state)
        return stand()

    def _probes(self) -> list[hooks.Hook]:
        if self.config.probes.every == 0:
            return []
        budget = ProbeBudget(self.run, self.state.step, self.device)
        told = (self.run, self.task, self.disk, self.log, self.device)
        probe = hooks.Probe(*told, lambda: self._team.ratios(self.state.model), budget)
        # Before the probe: it closes the measurements of a step.
        return [hooks.Instruments(self.config, self.task, self.log, self.device, budget), probe]

    def _rewired(self) -> None:
        self.log.renew()
        self.step.rewired(self.state.model)
        for hook in self.hooks:
            hook.on_rewired(self.state)

    def _tell_start(self, damaged: list[str], threads: int) -> None:
        """The events of a start; each sentence in `damaged` is of a checkpoint that was skipped."""
        run, step, fork = self.run, self.state.step, self.run.fork
        if fork is not None and step == fork.step:
            run.add_event(
                "fork",
                step,
                text=Message("forked from {run} at step {step:,}.", run=fork.name, step=step),
            )
        for sentence in damaged:  # after the start, which makes older events of this step void
            run.add_event(
                "note",
                step,
                text=Message(
                    "{sentence}. Training goes on from step {step}.",
                    sentence=sentence,
                    step=step,
                ),
            )
        if damaged:
            self._report.say(
                Message(
                    "{damaged}; training goes on from step {step}",
                    damaged=joined(damaged, "; "),
                    step=step,
                )
            )
        run.add_event("threads", step, threads=threads)
        if about := self._team.about():
            run.add_event("ranks", step, **about)


def _alarms(run: Run, task: Task) -> list[Alarm]:
    return all_alarms(
        task.known.entropy,
        unit(task.corpus.unit, task.known.words),
        run.corpus.get("floor"),
        task.known.validation,
        uniform_entropy(run.config.probe_length, run.config.model.causal),
    )
