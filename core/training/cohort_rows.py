"""The parameters of a cohort's members in one block of memory, a row for each member.

Each parameter has one place in all rows, so the same parameter of neighbours is a view (M, ...),
and a member's network has views of its row: whatever reads one of them, a checkpoint, an
evaluation, a probe, sees its run as if it trained alone. M members, N numbers in a row.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.config import OptimizerConfig
from core.training.optimizers import adamw
from core.training.state import TrainingState

Place = tuple[str, tuple[int, ...]]  # a parameter's name and shape


class Rows:
    """Moves the members' parameters, gradients and moments into rows, until :func:`release`."""

    def __init__(self, states: Sequence[TrainingState], optimizers: Sequence[OptimizerConfig]):
        models = [state.model for state in states]
        shapes = {(n, tuple(p.shape)): p for model in models for n, p in model.named_parameters()}
        # Those that decay come first: each member's optimizer then has two long vectors.
        places = sorted(shapes, key=lambda place: len(place[1]) < 2)
        self._start: dict[Place, int] = {}
        end = decaying = 0
        for place in places:
            self._start[place] = end
            end += shapes[place].numel()
            decaying = end if len(place[1]) >= 2 else decaying
        like = next(models[0].parameters())
        # Numbers that a member has no parameter for stay 0, and so do their gradients.
        self._values, self.gradients, self._means, self._squares = (
            torch.zeros(len(states), end, dtype=like.dtype, device=like.device) for _ in range(4)
        )
        self._of: dict[int, tuple[int, Place]] = {}
        self._models = models  # a tensor's id is known while it lives
        self.optimizers: list[torch.optim.AdamW] = []
        for row, (state, config) in enumerate(zip(states, optimizers, strict=True)):
            self._take(row, state)
            self.optimizers.append(self._optimizer(row, state, config, decaying))

    def stacked(self, parameters: Sequence[nn.Parameter]) -> Tensor:
        """The same parameter of neighbouring members as one tensor, (M, ...)."""
        first, place = self._of[id(parameters[0])]
        rows, start = slice(first, first + len(parameters)), self._start[place]
        columns = slice(start, start + parameters[0].numel())
        shape = (len(parameters), *place[1])
        whole = self._values[rows, columns].view(shape).detach().requires_grad_()
        whole.grad = self.gradients[rows, columns].view(shape)
        return whole

    def _view(self, whole: Tensor, row: int, place: Place, size: int) -> Tensor:
        start = self._start[place]
        return whole[row, start : start + size].view(place[1])

    def _take(self, row: int, state: TrainingState) -> None:
        for name, parameter in state.model.named_parameters():
            place = (name, tuple(parameter.shape))
            size = parameter.numel()
            mine = self._view(self._values, row, place, size)
            mine.copy_(parameter.data)
            parameter.data = mine
            parameter.grad = self._view(self.gradients, row, place, size)
            self._of[id(parameter)] = row, place

    def _optimizer(
        self, row: int, state: TrainingState, config: OptimizerConfig, decaying: int
    ) -> torch.optim.AdamW:
        """AdamW over the row: the same update of each number as the member's own."""
        done = steps_done(state)
        assert done is not None, "can_join has looked"
        parts = slice(0, decaying), slice(decaying, None)
        vectors = [nn.Parameter(self._values[row, part].detach()) for part in parts]
        optimizer = adamw(vectors[:1], vectors[1:], config)
        for vector, part in zip(vectors, parts, strict=True):
            vector.grad = self.gradients[row, part]
            optimizer.state[vector] = {
                "step": torch.full((), done, dtype=torch.float32, device=vector.device),
                "exp_avg": self._means[row, part],
                "exp_avg_sq": self._squares[row, part],
            }
        step = optimizer.state[vectors[0]]["step"]
        for name, parameter in state.model.named_parameters():
            place, size = (name, tuple(parameter.shape)), parameter.numel()
            past = state.optimizer.state.get(parameter, {})
            mine = {"step": step}
            for key, whole in (("exp_avg", self._means), ("exp_avg_sq", self._squares)):
                mine[key] = self._view(whole, row, place, size)
                if key in past:
                    mine[key].copy_(past[key])
            state.optimizer.state[parameter] = mine
        return optimizer


def backward(loss: Tensor) -> None:
    """The gradients of a loss, added to the rows.

    Torch says once that rows of gradients have gaps; their parameters have the same ones.
    """
    if _said:
        loss.backward()
        return
    _said.append(True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "grad and param do not obey the gradient layout")
        loss.backward()


_said: list[bool] = []


def release(state: TrainingState) -> None:
    """Give a member memory of its own again: it trains on as a single run does."""
    with torch.no_grad():
        for parameter in state.model.parameters():
            parameter.data, parameter.grad = parameter.data.clone(), None
            past = state.optimizer.state.get(parameter)
            if past:
                state.optimizer.state[parameter] = {k: v.clone() for k, v in past.items()}


def steps_done(state: TrainingState) -> int | None:
    """Updates that the optimizer has done; None where its parameters disagree, as they do after a
    switch that brought new ones."""
    steps = {
        float(state.optimizer.state.get(parameter, {}).get("step", 0.0))
        for parameter in state.model.parameters()
    }
    return int(steps.pop()) if len(steps) == 1 else None
