"""How a run's steps are computed on its machine: every choice that costs or saves time, made here.

A run begins with eager steps, so that its first point comes at once. Where `training.compile` is
auto, what is left is long and nobody has measured its kind of steps yet, a process beside it
compiles and measures them (:mod:`core.training.compile_worker`). Where compiled steps win back the
time several times over, the run goes over to them at a step that is written down before it is
taken; resumed, it goes over at the same step, or begins with compiled steps behind it. So a run is
the same to the bit under one schedule of threads and of changeovers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.language import Message
from core.runs import Run, RunError
from core.training import compiling
from core.training.ahead import Ahead
from core.training.compiling import Kind, Loss
from core.training.devices import (
    has_bfloat16_instructions,
    precision,
    set_products,
    to_device,
)
from core.training.disk import Disk
from core.training.hooks.hook import Hook, Rows
from core.training.losses import cross_entropy
from core.training.objectives import Batch, Task
from core.training.state import TrainingState
from core.training.worth import Worth


class Chosen(NamedTuple):
    """What computes the steps, and for which network and number of threads it was made."""

    loss: Loss
    model: nn.Module
    threads: int


class FastPath(Hook):
    """Computes the loss of a batch, eager or compiled, and decides which; `batch` makes batches.

    `threads` says how many threads the run has at the moment. Raises RunError where
    `training.compile` is on and something is missing for it.
    """

    def __init__(
        self,
        run: Run,
        task: Task,
        device: torch.device,
        disk: Disk,
        threads: Callable[[], int],
        say: Callable[[Message], None],
        step: int,
        processes: int = 1,
    ) -> None:
        self._run, self._task, self._device, self._disk = run, task, device, disk
        self._threads, self._say = threads, say
        self._training, self._step = run.config.training, step
        # On a processor a batch takes a thousandth of a step; a thread would win nothing.
        self._ahead = Ahead(task.batch, pinned=True) if device.type == "cuda" else None
        self.batch: Callable[[int], Batch] = self._ahead or task.batch
        self._chosen: Chosen | None = None  # None: eager
        self._ready: dict[int, Chosen] = {}  # what was compiled of this network, by threads
        self._worth = Worth()
        self._go_over = False
        missing = compiling.missing(device)
        if (
            device.type == "cpu"
            and self._training.precision == "bfloat16"
            and not has_bfloat16_instructions()
        ):
            say(
                Message(
                    "this processor has no instructions for bfloat16 and emulates it:"
                    " training.precision float32 is faster here"
                )
            )
        if processes > 1:  # who share a step compute it in their own way
            missing = Message(
                "on is for a single process; accepted where several train a run together: auto, off"
            )
        wish = self._training.compile
        if wish == "on" and missing:
            raise RunError(Message("training.compile: {why}", why=missing))
        self._may = wish != "off" and not missing and not self._training.recompute
        set_products(self._training.precision, device)
        done = run.compiled if processes == 1 else {}
        if not done and processes == 1 and self._goes_on_compiled(step):
            done = {step: True}
        before = [on for at, on in done.items() if at <= step]
        self._planned = {at: on for at, on in done.items() if at > step}
        if (before and before[-1]) or (wish == "on" and not done):
            self._planned[step] = True

    def _goes_on_compiled(self, step: int) -> bool:
        """Whether it starts as a fork of a compiled step, and of the same network."""
        fork = self._run.fork
        if fork is None or step != fork.step or not self._may:
            return False
        return fork.compiled and self._run.wired(step) == fork.wiring

    @property
    def compiled(self) -> bool:
        """Whether steps are compiled now."""
        return self._chosen is not None

    def stay_eager(self) -> None:
        """Compile nothing from now on: others share its steps."""
        self._may = False
        self._planned.clear()

    def about(self) -> dict[str, str | int]:
        """What computes the steps of this start, for the run's provenance."""
        cuda = self._device.type == "cuda"
        half = self._training.precision == "bfloat16" or (
            cuda and self._training.precision == "auto"
        )
        return {
            "processor": compiling.processor(),
            **({"gpu": torch.cuda.get_device_name(self._device)} if cuda else {}),
            "torch": torch.__version__,
            "threads": self._threads(),
            "precision": "bfloat16" if half else "float32",
            "optimizer": "fused AdamW",
            "batches": "one ahead, pinned" if self._ahead is not None else "as they are read",
            "compile": self._training.compile,
            "steps": "compiled" if self._planned.get(self._step) else "eager",
        }

    def loss(self, model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a part of a batch, (); autocast is the caller's."""
        if self._chosen is None:
            return cross_entropy(model(inputs), targets)
        return self._chosen.loss(inputs, targets)

    def on_step_start(self, state: TrainingState) -> None:
        if state.step == self._training.steps:
            return
        planned = self._planned.pop(state.step, None)
        threads = self._threads()
        if self._chosen is not None and self._chosen.threads != threads:
            self._other_threads(state, threads)
        if planned is False and self._chosen is not None:
            self._back(state, Message("as before"))
        elif self._chosen is None and (planned or self._go_over):
            self._over(state, threads)
        self._go_over = False

    def on_rewired(self, state: TrainingState) -> None:
        self._ready.clear()
        self._go_over = False  # that was decided of the network before
        if self._chosen is None:
            return
        if self._training.compile == "on":
            self._chosen = None
            self._planned[state.step] = True  # compiled anew, before the step
        else:
            self._back(state, Message("the network was rewired"))

    def on_flush(self, state: TrainingState, rows: Rows | None) -> None:
        if rows is None or self._chosen is not None or self._planned or not self._may:
            return
        if self._training.compile == "on":
            return
        speed = float(rows["tokens_per_second"][-1])
        left = (self._training.steps - state.step) * self._run.config.tokens_per_step / speed
        self._go_over = self._worth.pays(left, lambda: self._kind(state))

    def end(self) -> None:
        """The training has ended: nothing is measured or fetched any more."""
        if self._ahead is not None:
            self._ahead.end()
        self._worth.end()

    def _kind(self, state: TrainingState) -> Kind:
        part = self._part(state.step)
        return Kind.of(
            self._run.config,
            state.wiring,
            self._task.corpus.vocabulary,
            (tuple(part.inputs.shape), tuple(part.targets.shape)),
            self._device,
            self._threads(),
        )

    def _part(self, step: int) -> Batch:
        return next(self._task.batch(step).parts(self._training.accumulate))

    def _over(self, state: TrainingState, threads: int) -> None:
        """To compiled steps, from this one on."""
        try:
            chosen = self._ready.get(threads)
            if chosen is None:
                self._say(
                    Message(
                        "its steps are being compiled, which takes a minute or more the first time;"
                        " the next point comes after that"
                    )
                )
                try:
                    chosen = self._compiled(state, threads)
                finally:
                    self._say(Message(""))
            if not self._written(state.step):
                self._run.add_compiled(state.step, True)
        except Exception as error:
            if self._training.compile == "on":
                if isinstance(error, OSError | RunError):
                    raise
                raise RunError(_why(error)) from error
            self._may = False
            self._tell(state.step, on=False, text=_why(error))
            return
        self._ready[threads] = self._chosen = chosen
        self._tell(state.step, on=True, text=self._words(state, threads))

    def _written(self, step: int) -> bool:
        """Whether a step is compiled, by what is written down."""
        return [False, *(on for at, on in self._run.compiled.items() if at <= step)][-1]

    def _compiled(self, state: TrainingState, threads: int) -> Chosen:
        made = compiling.compiled(state.model, threads, self._device)
        part = self._part(state.step)
        batch = to_device(part.inputs, self._device), to_device(part.targets, self._device)
        autocast = precision(self._training.precision, self._device)
        compiling.warm_up(made, state.model, batch, autocast)
        return Chosen(made, state.model, threads)

    def _words(self, state: TrainingState, threads: int) -> Message:
        known = self._worth.known(self._kind(state))
        if known is None or known.saved <= 0:
            return Message(
                "Steps are compiled from step {step:,} on, {threads} threads.",
                step=state.step,
                threads=threads,
            )
        return Message(
            "Steps are compiled from step {step:,} on, {threads} threads: measured at {share:.0%}"
            " less time.",
            step=state.step,
            threads=threads,
            share=known.saved,
        )

    def _back(self, state: TrainingState, why: Message) -> None:
        """To eager steps, from this one on."""
        self._chosen = None
        if self._written(state.step):
            self._run.add_compiled(state.step, False)
        self._tell(
            state.step,
            on=False,
            text=Message("Steps are eager from step {step:,} on: {why}.", step=state.step, why=why),
        )

    def _other_threads(self, state: TrainingState, threads: int) -> None:
        """Compiled code is made for a number of threads, and the run has another one now."""
        ready = self._ready.get(threads)
        if ready is not None:
            self._chosen = ready
        elif self._training.compile == "on":
            self._chosen = None
            self._over(state, threads)
        else:
            self._back(state, Message("it has {threads} threads now", threads=threads))

    def _tell(self, step: int, on: bool, text: Message) -> None:
        self._disk.later(
            partial(
                self._run.add_event,
                "compiled",
                step,
                text=text,
                compiled=on,
                threads=self._threads(),
                torch=torch.__version__,
            )
        )


def _why(error: Exception) -> Message:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return Message(
        "training.compile: the network can't be compiled ({why}); set it to off", why=lines[0][:300]
    )
