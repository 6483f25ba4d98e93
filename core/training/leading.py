"""Rank 0 of a run that several processes train: it decides, tells the others, and writes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.config import RunConfig
from core.language import Message
from core.probes.gradients import GradientNorms, UpdateRatios
from core.runs import Run, RunError
from core.runs.status import Order
from core.training import checkpoints
from core.training.control import RunControl
from core.training.devices import choose_device
from core.training.hooks.hook import Hook
from core.training.objectives import Batch, Task
from core.training.optimizers import build_optimizer
from core.training.ranks import Ranks, Verb
from core.training.rewire import rewired
from core.training.sharding import (
    How,
    Placed,
    ShardedRatios,
    Shards,
    backward,
    place,
    random_states,
    whole,
)
from core.training.start import resumed
from core.training.state import TrainingState
from core.training.step import Step
from core.training.team import Team

MURMUR_SECONDS = 60.0  # between two words to ranks that wait while the run is paused


class Leader(Team):
    """Rank 0: what it does is what a single process does, and before it the others are told."""

    def __init__(self, ranks: Ranks, how: How) -> None:
        self.ranks, self.how, self.size = ranks, how, ranks.world
        self._task: Task | None = None
        self._placed: Placed | None = None

    def device(self, config: RunConfig) -> torch.device:
        """The first GPU, or the processor. Raises RunError where there are too few GPUs."""
        return own_device(config, self.ranks)

    def steered(self, control: RunControl) -> RunControl:
        """A control that remembers those who wait, and leaves them their threads."""
        return Leading(control, self.ranks)

    def begin(
        self, run: Run, task: Task, device: torch.device, damaged: list[str]
    ) -> TrainingState:
        """As of a single process; then all ranks have it."""
        self._run, self._task, self._device = run, task, device
        born = torch.device("cpu") if self.how == "fsdp" else device
        state = resumed(run, task, born, damaged)
        random = checkpoints.random_states(run.path / "checkpoints", state.step)
        self._spread(state, random)
        return state

    def about(self) -> dict[str, Any]:
        """How many processes there are, over what they talk, what each of them has."""
        ranks = self.ranks
        return {
            "ranks": ranks.world,
            "backend": ranks.backend if self._device.type == "cuda" else "gloo",
            "sharding": self.how,
            "text": Message(
                "trained by {n} processes together ({how} over {backend})",
                n=ranks.world,
                how={"ddp": "DDP", "fsdp": "FSDP2"}[self.how],
                backend=ranks.backend if self._device.type == "cuda" else "gloo",
            ),
        }

    @property
    def placed(self) -> Placed:
        """The network on all ranks."""
        assert self._placed is not None, "begin comes first"
        return self._placed

    def step(self, *told: Any) -> Step:
        """One that all ranks take."""
        return SharedStep(self, *told)

    def hooks(self) -> list[Hook]:
        """The update of the others, last of what comes before one's own."""
        return [TellUpdate(self.ranks)]

    def ratios(self, model: nn.Module) -> UpdateRatios:
        """Of all ranks where each has a part; else one's own are everybody's."""
        if isinstance(self.placed.pieces, Shards):
            return ToldRatios(self.ranks, model, self.placed.pieces)
        return UpdateRatios(model)

    def rewire(
        self,
        state: TrainingState,
        build: Callable[[], nn.Module],
        build_optimizer: Callable[[nn.Module], torch.optim.Optimizer],
    ) -> None:
        """As of a single process, from the whole network; then all ranks have it."""
        old, optimizer = state.model, state.optimizer
        if self.how == "fsdp":
            old, optimizer = self._in_one_piece(state, build_optimizer)
        state.model, state.optimizer = rewired(old, optimizer, build, build_optimizer)
        self._spread(state)

    def checkpoint(self, state: TrainingState) -> Callable[[Any, Any], object]:
        """What writes it, once all ranks have given their parts and their random states."""
        weights, rest = self._gathered(state)
        return partial(_write, weights, rest)

    def end(self) -> None:
        """Let the others go."""
        self.ranks.say(Verb.END)

    def _gathered(self, state: TrainingState) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        self.ranks.say(Verb.GATHER)
        weights, rest = checkpoints.tensors_of(state.model, state.optimizer, whole)
        for name, own in random_states(self._device):
            for rank, one in enumerate(self.ranks.each(own)[1:], 1):
                rest[f"{name}.{rank}"] = one
        return weights, rest

    def _in_one_piece(
        self,
        state: TrainingState,
        build_optimizer: Callable[[nn.Module], torch.optim.Optimizer],
    ) -> tuple[nn.Module, torch.optim.Optimizer]:
        """The network and its optimizer on the processor, as they are now."""
        assert self._task is not None
        weights, rest = self._gathered(state)
        model = self._task.build(state.model.config)  # type: ignore[arg-type]
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(weights[name])
        optimizer = build_optimizer(model)
        checkpoints.restore(optimizer, rest)
        return model, optimizer

    def _spread(self, state: TrainingState, random: dict[str, Tensor] | None = None) -> None:
        """Give the network, its moments and, at a start, random states to all ranks."""
        assert self._task is not None
        config = self._run.config
        names = {parameter: name for name, parameter in state.model.named_parameters()}
        moments: dict[str, dict[str, Tensor | None]] = {
            name: dict(values)
            for parameter, name in names.items()
            if (values := state.optimizer.state.get(parameter))
        }
        told: dict[str, Any] = {
            "run": str(self._run.path.resolve()),
            "corpus": self._task.corpus.sha256,
            "how": self.how,
            "device": self._device.type,
            "wiring": state.wiring.model_dump(mode="json"),
            "moments": {name: list(values) for name, values in moments.items()},
        }
        if random is not None:
            told["step"] = state.step
            told["random"] = {name: value.tolist() for name, value in random.items()}
        self.ranks.say(Verb.SPREAD, body=json.dumps(told).encode())
        self._placed = place(
            state.model,
            moments,
            lambda model: build_optimizer(model, config.optimizer),
            self.ranks,
            self._device,
            self.how,
        )
        state.model, state.optimizer = self._placed.model, self._placed.optimizer
        if self.how == "fsdp":
            # Evaluations, samples and probes are rank 0's alone, but a layer is whole only where
            # all ranks come to it together.
            state.model.register_forward_pre_hook(self._have_joined, prepend=True)

    def _have_joined(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if model.training:
            return
        tokens = inputs[0].detach().cpu().contiguous()
        head = json.dumps({"shape": list(tokens.shape), "type": str(tokens.dtype)[6:]})
        body = head.encode() + b"\n" + tokens.numpy().tobytes()
        self.ranks.say(Verb.FORWARD, body=body)


def own_device(config: RunConfig, ranks: Ranks) -> torch.device:
    """The device of this rank: the GPU of its number on this machine, or the processor.

    Raises RunError where there are fewer GPUs than ranks.
    """
    device = choose_device(config)
    if device.type != "cuda":
        return device
    there = torch.cuda.device_count()
    if ranks.seat.local >= there:
        raise RunError(
            Message(
                "training.devices: {n} processes of this machine need a GPU each, and it has"
                " {there}; accepted here: 1 to {there}, or training.device cpu",
                n=ranks.seat.beside,
                there=there,
            )
        )
    torch.cuda.set_device(ranks.seat.local)
    return torch.device("cuda", ranks.seat.local)


def _write(
    weights: dict[str, Tensor],
    rest: dict[str, Tensor],
    folder: Path,
    progress: checkpoints.Progress,
) -> None:
    checkpoints.write_tensors(folder, progress, weights, rest)


class SharedStep(Step):
    """A step of all ranks: its loss and its gradients are those of the whole batch."""

    def __init__(self, leader: Leader, *told: Any) -> None:
        self._leader = leader
        super().__init__(*told)

    def take(self, state: TrainingState) -> None:
        """The step `state.step`, by all ranks."""
        self._leader.ranks.say(Verb.BACKWARD, state.step, torch.get_num_threads())
        super().take(state)

    def _backward(self, model: nn.Module, batch: Batch) -> Tensor:
        leader, training = self._leader, self._config.training
        return backward(leader.placed, self._task, batch, leader.ranks, training, self._device)

    def _gradient_norms(self, model: nn.Module) -> GradientNorms | None:
        return gradient_norms(self._config, self._leader.placed)


def gradient_norms(config: RunConfig, placed: Placed) -> GradientNorms | None:
    """What measures gradients, where that is needed; the same answer on every rank."""
    if config.probes.every == 0 and config.optimizer.clip == 0:
        return None
    return GradientNorms(placed.model, placed.pieces)


class TellUpdate(Hook):
    """The other ranks make the update that this one is about to make."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks

    def on_backward(self, state: TrainingState) -> None:
        """With the rate of this step, and the number that clipping divides by."""
        scale = getattr(state.optimizer, "grad_scale", None)
        rate = state.optimizer.param_groups[0]["lr"]
        self._ranks.say(Verb.UPDATE, rate, scale is not None)
        if scale is not None:
            self._ranks.from_first(scale)


class ToldRatios(ShardedRatios):
    """Update ratios to which all ranks add their part."""

    def __init__(self, ranks: Ranks, model: nn.Module, pieces: Shards) -> None:
        super().__init__(model, pieces)
        self._ranks = ranks

    def before(self) -> None:
        """Have all ranks remember."""
        self._ranks.say(Verb.REMEMBER)
        super().before()

    def measure(self) -> dict[str, Tensor]:
        """Have all ranks measure."""
        self._ranks.say(Verb.MEASURE)
        return super().measure()


class Leading:
    """A RunControl of rank 0: others wait while it waits, and share its part of the processor."""

    def __init__(self, control: RunControl, ranks: Ranks) -> None:
        self._control, self._ranks = control, ranks
        self._said = time.monotonic()

    def commands(self) -> list[Order]:
        """Those of the run."""
        return self._control.commands()

    def threads(self) -> int:
        """A process's part of what the job may use."""
        return max(1, self._control.threads() // self._ranks.seat.beside)

    def leave(self) -> None:
        """Give the slot back."""
        self._control.leave()

    def enter(self) -> bool:
        """Try to take a slot again."""
        return self._control.enter()

    def wait(self) -> None:
        """Sleep a moment. Raises what a rank that failed meanwhile said."""
        self._control.wait()
        found = self._ranks.failure()
        if found is not None:
            raise RunError(Message("rank {n}: {why}", n=found["rank"], why=found["text"]))
        if time.monotonic() - self._said > MURMUR_SECONDS:
            self._said = time.monotonic()
            self._ranks.say(Verb.NOTHING)
