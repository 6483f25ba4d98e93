"""Several runs of equal shapes, trained as one batched program.

Each member has its own trainer: its batches, its optimizer's settings, its clipping, its probes and
evaluations, its commands, its files. What is shared is the work of a step: one forward and one
backward pass for the parameters of all, see :mod:`core.models.batched`. A member that pauses,
diverges, stops or fails leaves the others as they are; one that the batch can't hold any more, or
that is the last, takes its steps alone, as a single run does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from core.language import Message
from core.models.batched import Batched, sorted_by_wiring
from core.models.transformer import Transformer
from core.runs import Run
from core.runs.status import State
from core.training import hooks
from core.training.cohort_rows import Rows, backward, release, steps_done
from core.training.cohort_rule import differing
from core.training.control import Mode, RunControl
from core.training.devices import is_out_of_memory, precision, to_device
from core.training.objectives import Batch
from core.training.trainer import Trainer

WAIT_SECONDS = 0.05  # between two looks while all members stand still


class CohortError(ValueError):
    """These runs can't be one program; the sentence says which setting is in the way."""


@dataclass
class Member:
    """A run of the cohort. `random` is the generator's state that a checkpoint of it keeps."""

    trainer: Trainer
    control: RunControl
    random: Tensor
    waits: bool = False
    alone: bool = False  # the batch had no memory for it, or can't hold its network
    ended: State | None = None
    beside: int = 0  # others in its batch, as its run was told

    @property
    def fits(self) -> bool:
        """Whether its next step can be part of the batch."""
        return not self.alone and steps_done(self.trainer.state) is not None


# Told how a run ended: its state or what went wrong with it, and its step.
Ended = Callable[[Run, State | None, Exception | None, int], object]


class Cohort:
    """Trains runs to their ends, or to stops; the caller holds the locks of all of them.

    `controls` steer each of them. `ended` is told of each as soon as it has ended: its state, or
    what went wrong, which `train` then does not raise. Making it loads the corpora and checkpoints;
    a run of which that fails has ended by that. Raises CohortError where the runs can't train
    together.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        controls: Sequence[RunControl],
        ended: Ended = lambda run, state, error, step: None,
        watch: hooks.Watch = lambda status: None,
    ) -> None:
        if why := differing([run.config for run in runs]):
            raise CohortError(why)
        self._ended = ended
        self.members: list[Member] = []
        self.states: dict[str, State] = {}
        for run, control in zip(runs, controls, strict=True):
            try:
                trainer = Trainer(run, control, watch)
                trainer.begin()
            except Exception as error:
                self._over(run, None, error, run.record.step)
                continue
            self.members.append(Member(trainer, control, torch.get_rng_state()))
        self._batch: _Together | None = None
        vocabularies = [one.trainer.task.corpus.vocabulary for one in self.members]
        for member in self.members:
            trainer = member.trainer
            other = trainer.task.corpus.vocabulary != vocabularies[0]
            member.alone = other or bool(trainer.run.compiled)
            if not member.alone:
                trainer.fast.stay_eager()

    def train(self) -> dict[str, State]:
        """Train all members; the state that each ended in, by its run's id."""
        while self.members:
            ready = [one for one in [*self.members] if self._guarded(one, partial(_turn, one))]
            ready = [one for one in ready if one.ended is None]
            self._leave()
            if not ready:
                if self.members:  # all of them stand still
                    time.sleep(WAIT_SECONDS)
                continue
            together = [one for one in ready if one.fits]
            if len(together) < 2:
                self._dissolve()
            else:
                self._step(together)
            for one in ready:
                if self._batch is None or one not in self._batch.members:
                    self._guarded(one, partial(_alone, one))
            self._leave()
        return self.states

    def _step(self, members: list[Member]) -> None:
        batch = self._batch
        if batch is None or not batch.holds(members):
            self._dissolve()
            try:
                self._batch = batch = _Together(members)
            except Exception as error:
                self._apart(members, error)
                return
            self._tell(batch)
        try:
            begun, losses, started = batch.gradients()
        except Exception as error:
            self._apart(members, error)
            return
        for at, member in enumerate(batch.members):
            self._guarded(member, partial(batch.take, at, begun[at], losses[at], started))
        batch.rows.gradients.zero_()

    def _apart(self, members: list[Member], error: Exception) -> None:
        """There was no memory for all of them at once, or what else a single run may not meet: from
        now on one after the other, so that each fails for itself if it does."""
        if not is_out_of_memory(error):
            logging.warning("the members of a cohort go on alone", exc_info=error)
        self._dissolve()
        for member in members:
            member.alone = True

    def _tell(self, batch: _Together) -> None:
        """Each member's run says beside which others it trains."""
        names = [one.trainer.run.id for one in batch.members]
        for member in batch.members:
            trainer = member.trainer
            text = Message(
                "From step {step:,} on it trains with {n} other run as one batched program.",
                "From step {step:,} on it trains with {n} other runs as one batched program.",
                step=trainer.state.step,
                n=len(names) - 1,
            )
            member.beside = len(names) - 1
            event = _event(trainer, text=text, members=len(names), runs=names)
            self._guarded(member, partial(_later, trainer, event))

    def _guarded(self, member: Member, part: Callable[[], State | None]) -> bool:
        """Do a part of a member's training, with its random numbers; False where it has ended."""
        if member.ended is not None or member not in self.members:
            return False
        try:
            member.ended = member.trainer.attempt(part)
        except Exception as error:
            self._gone(member)
            self._over(member.trainer.run, None, error, member.trainer.state.step)
            return False
        if member.ended is not None:
            self._gone(member)
            self._over(member.trainer.run, member.ended, None, member.trainer.state.step)
        return member.ended is None and not member.waits

    def _over(self, run: Run, state: State | None, error: Exception | None, step: int) -> None:
        self.states[run.id] = state or "failed"
        self._ended(run, state, error, step)

    def _gone(self, member: Member) -> None:
        self.members.remove(member)

    def _leave(self) -> None:
        """The batch ends where one of it has: the others make a smaller one."""
        if self._batch is not None and any(one not in self.members for one in self._batch.members):
            self._dissolve()

    def _dissolve(self) -> None:
        if self._batch is not None:
            for member in self._batch.members:
                release(member.trainer.state)
            self._batch = None


class _Together:
    """The members whose next steps are one program."""

    def __init__(self, members: Sequence[Member]) -> None:
        order = sorted_by_wiring([one.trainer.state.model for one in members])
        self.members = [members[at] for at in order]
        trainers = [one.trainer for one in self.members]
        self._models = [_transformer(one) for one in trainers]
        self.rows = Rows(
            [one.state for one in trainers], [one.config.optimizer for one in trainers]
        )
        self._network = Batched(self._models, self.rows.stacked)
        self._training = trainers[0].config.training
        self._device = trainers[0].device

    def holds(self, members: Sequence[Member]) -> bool:
        """Whether it is of these members and of the networks that they have now."""
        same = len(members) == len(self.members) and all(one in members for one in self.members)
        pairs = zip(self._models, self.members, strict=True)
        return same and all(model is one.trainer.state.model for model, one in pairs)

    def gradients(self) -> tuple[list[Batch], Tensor, float]:
        """The members' batches and losses, (M,) float64; their networks have the gradients."""
        started = time.perf_counter()
        batches = [one.trainer.step.begin(one.trainer.state) for one in self.members]
        parts = self._training.accumulate
        sums = []
        for own in zip(*(batch.parts(parts) for batch in batches), strict=True):
            inputs = to_device(torch.stack([one.inputs for one in own]), self._device)
            targets = to_device(torch.stack([one.targets for one in own]), self._device)
            with precision(self._training.precision, self._device):
                losses = mean_losses(self._network(inputs), targets)
            backward(losses.sum() / parts)
            sums.append(losses.detach().double())
        return batches, torch.stack(sums).mean(0), started

    def take(self, at: int, batch: Batch, loss: Tensor, started: float) -> None:
        """The rest of a member's step, whose gradients are known."""
        member, optimizer = self.members[at], self.rows.optimizers[at]
        trainer, state = member.trainer, member.trainer.state
        trainer.step.measured(state, batch, loss, started)
        began = time.perf_counter()
        for hook in trainer.hooks:
            hook.on_backward(state)
        optimizer.grad_scale = getattr(state.optimizer, "grad_scale", None)  # type: ignore[attr-defined]
        for group in optimizer.param_groups:
            group["lr"] = state.optimizer.param_groups[0]["lr"]
        optimizer.step()
        for hook in trainer.hooks:
            hook.on_update(state)
        trainer.step.ended(state, began)
        _with_its_random_numbers(member, trainer.after_step)


def mean_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Each member's mean cross-entropy in nats, (M, ..., V) and (M, ...) -> (M,)."""
    members = len(targets)
    flat = F.cross_entropy(logits.flatten(0, -2).float(), targets.flatten(), reduction="none")
    counted = (targets >= 0).view(members, -1).sum(1)
    return flat.view(members, -1).sum(1) / counted


def _turn(member: Member) -> State | None:
    """What comes before a member's step; whether it then `waits`."""
    pauses = member.trainer.pauses
    if member.waits and not pauses.over():
        return None
    member.waits = False

    def stand() -> Mode:
        pauses.begin()
        member.waits = True
        return Mode.PAUSED

    return _with_its_random_numbers(member, lambda: member.trainer.before_step(stand))


def _alone(member: Member) -> None:
    trainer, member.beside, before = member.trainer, 0, member.beside
    if before:
        text = Message("From step {step:,} on it trains alone.", step=trainer.state.step)
        trainer.disk.later(_event(trainer, text=text, members=1, runs=[trainer.run.id]))
    _with_its_random_numbers(member, member.trainer.advance)


def _event(trainer: Trainer, **said: Any) -> Callable[[], object]:
    return partial(trainer.run.add_event, "cohort", trainer.state.step, **said)


def _later(trainer: Trainer, job: Callable[[], object]) -> None:
    trainer.disk.later(job)


def _with_its_random_numbers(member: Member, part: Callable[[], State | None]) -> State | None:
    """No member draws one while it trains; a checkpoint keeps those that it would go on with."""
    torch.set_rng_state(member.random)
    found = part()
    member.random = torch.get_rng_state()
    return found


def _transformer(trainer: Trainer) -> Transformer:
    model = trainer.state.model
    assert isinstance(model, Transformer), "the rule asks for one"
    return model
