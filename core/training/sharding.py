"""A network over several ranks: whole on each (DDP), or a part of each tensor (FSDP2).

With DDP (Li et al. 2020, arXiv 2006.15704) every rank has all of it and gradients are averaged;
with FSDP2 (`torch.distributed.fsdp.fully_shard`; Zhao et al. 2023, arXiv 2304.11277) a rank has the
rows of its number of every tensor, and a block is whole only while it computes. Rank 0 reads and
writes checkpoints; the others have their numbers from it, tensor by tensor.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from core.config import TrainingConfig
from core.probes.gradients import MATRICES, Pieces, UpdateRatios
from core.training.devices import precision, to_device
from core.training.objectives import Batch, Task
from core.training.ranks import Ranks

How = Literal["ddp", "fsdp"]
# Of the optimizer, by the parameter's name: its moments by their keys.
Moments = Mapping[str, Mapping[str, Tensor | None]]
BuildOptimizer = Callable[[nn.Module], torch.optim.Optimizer]


@dataclass
class Placed:
    """A network that all ranks train: `model` with its own names, `forward` what a step calls."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    forward: Callable[[Tensor], Tensor]
    how: How
    pieces: Pieces

    def collecting(self, last: bool) -> AbstractContextManager[object]:
        """Around a part of a batch: gradients are shared after its last one.

        FSDP shares them after each, for it keeps no whole ones.
        """
        if self.how == "fsdp" or last:
            return contextlib.nullcontext()
        return self.forward.no_sync()  # type: ignore[attr-defined, no-any-return]


def place(
    model: nn.Module,
    moments: Moments,
    build_optimizer: BuildOptimizer,
    ranks: Ranks,
    device: torch.device,
    how: How,
) -> Placed:
    """Rank 0's network and moments, on all ranks; the others give one of the same wiring.

    `moments` has the same names everywhere, and values on rank 0.
    """
    if how == "fsdp":
        forward = _shard(model, ranks, device)
    else:
        forward = _replicate(model, ranks, device)
    for buffer in model.buffers():  # the fixed tables too
        ranks.from_first(buffer)
    optimizer = build_optimizer(model)
    for name, parameter in model.named_parameters():
        for key, value in moments.get(name, {}).items():
            whole = torch.empty((), device=device) if key == "step" else _like(parameter, device)
            if value is not None:
                whole.copy_(value)
            ranks.from_first(whole)
            if key != "step" and how == "fsdp":
                kept = torch.zeros_like(parameter)
                _fill(kept, whole, ranks)
                whole = kept
            optimizer.state[parameter][key] = whole
    model.train()
    return Placed(model, optimizer, forward, how, Shards(ranks) if how == "fsdp" else Pieces())


def _replicate(model: nn.Module, ranks: Ranks, device: torch.device) -> nn.Module:
    model.to(device)
    for parameter in model.parameters():
        ranks.from_first(parameter.data)
    on = [device] if device.type == "cuda" else None
    parallel = nn.parallel.DistributedDataParallel
    # Fixed tables: there is nothing to bring up to date at each pass.
    fixed = [name for name, _ in model.named_buffers()]
    parallel._set_params_and_buffers_to_ignore_for_model(model, fixed)
    return parallel(model, on, init_sync=False)


def _shard(model: nn.Module, ranks: Ranks, device: torch.device) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    # A block may pass on what it was given; nothing of ours changes it in place.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view", UserWarning)
    whole = {name: p.detach() for name, p in model.named_parameters()}
    mesh = init_device_mesh(device.type, (ranks.world,))
    for block in model.blocks:  # type: ignore[union-attr]
        fully_shard(block, mesh=mesh, reshard_after_forward=True)
    # What stands around the blocks is put away as well, so that between two passes every
    # parameter is a shard.
    fully_shard(model, mesh=mesh, reshard_after_forward=True)
    model.to(device)  # buffers
    for name, parameter in model.named_parameters():
        value = _like(parameter, device)
        if ranks.rank == 0:
            value.copy_(whole[name])
        _fill(parameter.data, ranks.from_first(value), ranks)
    return model


def _like(parameter: Tensor, device: torch.device) -> Tensor:
    return torch.empty(parameter.shape, dtype=parameter.dtype, device=device)


def _fill(sharded: Tensor, whole: Tensor, ranks: Ranks) -> None:
    own = local(sharded)
    start = _start(sharded, ranks)
    own.copy_(whole[start : start + len(own)])


def _start(sharded: Tensor, ranks: Ranks) -> int:
    """The first of the rows that this rank has: all but the last ranks have equally many."""
    each = -(-sharded.shape[0] // ranks.world)
    return min(ranks.rank * each, sharded.shape[0])


def local(tensor: Tensor) -> Tensor:
    """The numbers of a tensor that this rank has."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """A tensor with all its numbers, in the main memory; all ranks have to ask for it together."""
    full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return full.detach().cpu().contiguous()


def no_more(tensor: Tensor) -> Tensor:
    """As :func:`whole`, on the ranks that have no use for it."""
    if isinstance(tensor, DTensor):
        tensor.full_tensor()
    return torch.empty(0)


class Shards(Pieces):
    """Rows of every tensor on every rank."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks

    def of(self, tensor: Tensor, rows: slice | None) -> Tensor:
        """Those of these rows that this rank has, (n, ...)."""
        return local(tensor)[self.here(tensor, rows)]

    def here(self, tensor: Tensor, rows: slice | None) -> slice:
        """Where these rows are in this rank's part."""
        if rows is None:
            return slice(None)
        start, size = _start(tensor, self._ranks), len(local(tensor))
        first, last = (min(max(at - start, 0), size) for at in (rows.start, rows.stop))
        return slice(first, last)

    def summed(self, sums: Tensor) -> Tensor:
        """A sum over what is here as one over all ranks."""
        return self._ranks.summed(sums)


class ShardedRatios(UpdateRatios):
    """Update ratios of a network of which each rank has a part: sums, in one reduction for all.

    std(Δθ) and std(θ) come from Σ and Σ² in float64, where a parameter's mean is no larger than
    its spread by far.
    """

    def __init__(self, model: nn.Module, pieces: Shards) -> None:
        super().__init__(model)
        self._pieces = pieces

    def before(self) -> None:
        """Remember this rank's part."""
        parts = [p for layers in self._groups.values() for layer in layers for p in layer]
        self._before = {name: local(parameter.detach()).clone() for name, parameter, _ in parts}

    @torch.no_grad()
    def measure(self) -> dict[str, Tensor]:
        """Each group's ratios (L,), the same on every rank."""
        sums = [
            self._sums(group, layer) for group, layers in self._groups.items() for layer in layers
        ]
        count, old, old2, moved, moved2 = self._pieces.summed(torch.stack(sums)).unbind(1)
        together = (moved2 / old2).sqrt()
        alone = ((moved2 - moved.square() / count) / (old2 - old.square() / count)).sqrt()
        ratios, at = {}, 0
        for group, layers in self._groups.items():
            found = alone if group in MATRICES else together
            ratios[f"update_ratio/{group}"] = found[at : at + len(layers)].float()
            at += len(layers)
        self._before = {}
        return ratios

    def _sums(self, group: str, layer: list[tuple[str, nn.Parameter, slice | None]]) -> Tensor:
        """Numbers, and of θ and Δθ the sums of them and of their squares, (5,) float64 NaN where
        a layer lacks the group."""
        chosen = layer
        if group in MATRICES:
            chosen = [part for part in layer if part[1].ndim >= 2][:1]
        total = self._nothing.double().expand(5).clone()
        if chosen:
            total.zero_()
        for name, parameter, rows in chosen:
            here = self._pieces.here(parameter, rows if group in MATRICES else None)
            old, new = (one[here].double() for one in (self._before[name], local(parameter)))
            moved, count = new - old, old.new_tensor(float(old.numel()))
            total += torch.stack(
                [count, old.sum(), old.square().sum(), moved.sum(), moved.square().sum()]
            )
        return total


def backward(
    placed: Placed,
    task: Task,
    batch: Batch,
    ranks: Ranks,
    training: TrainingConfig,
    device: torch.device,
) -> Tensor:
    """This rank's part of the batch; gradients of the whole batch's mean loss, and that loss, ()
    float64, on every rank."""
    losses = []
    parts = list(share(batch, ranks).parts(training.accumulate))
    for number, part in enumerate(parts, 1):
        inputs, targets = (to_device(one, device) for one in part)
        with placed.collecting(last=number == len(parts)):
            with precision(training.precision, device):
                loss = task.loss(placed.forward(inputs), targets)
            (loss / training.accumulate).backward()
        losses.append(loss.detach().double())
    return ranks.summed(torch.stack(losses).mean()) / ranks.world


def share(batch: Batch, ranks: Ranks) -> Batch:
    """The examples of a batch that this rank reads: as many as every other, side by side."""
    size = len(batch.inputs) // ranks.world
    rows = slice(ranks.rank * size, (ranks.rank + 1) * size)
    return Batch(batch.inputs[rows], batch.targets[rows])


def random_states(device: torch.device) -> Iterator[tuple[str, Tensor]]:
    """This rank's random states by the names that checkpoints have for rank 0's."""
    yield "random.cpu", torch.get_rng_state()
    if device.type == "cuda":
        yield "random.cuda", torch.cuda.get_rng_state(device)
